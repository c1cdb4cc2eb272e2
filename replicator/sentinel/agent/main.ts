import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { liveGuestSystem } from '#replicator/sentinel/folder-guest-system';
import { wallClock } from '#replicator/wall-clock';
import { enterStage, stopped } from './enter-stage.ts';
import { liveServices } from './live-services.ts';
import { configDefault, runSentinel, sentinelStatus } from './run-sentinel.ts';
import { agentVersion } from './version.ts';

/*
 * The agent as a program: `sentinel.mjs run [--config <folder>] | status | version`. What ends badly ends with one line
 * and a status that says so; whoever keeps it running starts it again.
 */

const usage = 'use: sentinel.mjs run [--config <folder>] | status | version';
const here = fileURLToPath(import.meta.url);
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const complain = (line: string): void => void process.stderr.write(`sealift-sentinel: ${line}\n`);

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  const read = readWords(words);
  const { '--config': config = configDefault, '--status': status } = read?.options ?? {};
  switch (read?.command) {
    case 'run':
      return run(config, status);
    case 'status': {
      const told = await sentinelStatus(status);
      say(told ?? 'no sentinel runs here');
      return told === undefined ? 1 : 0;
    }
    case 'version':
      say(agentVersion);
      return 0;
    default:
      complain(usage);
      return 2;
  }
}

/** By hand: `parseArgs` came with Node 18.3. */
function readWords(words: readonly string[]) {
  const options: Partial<Record<'--config' | '--status', string>> = {};
  const commands: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const value = words[at + 1];
    if (!word.startsWith('-')) commands.push(word);
    else if ((word === '--config' || word === '--status') && value !== undefined) {
      options[word] = value;
      at += 1;
    } else return undefined;
  }
  return commands.length === 1 ? { command: commands[0], options } : undefined;
}

async function run(config: string, status: string | undefined): Promise<number> {
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopping.abort());
  const system = liveGuestSystem();
  const entrance = await enterStage(system, wallClock, say);
  if (!entrance.ok) {
    complain(entrance.error);
    return 3;
  }
  if (entrance.value.stage === 'test') {
    await stopped(stopping.signal);
    return 0;
  }
  const script = join(dirname(here), 'install.sh');
  const end = await runSentinel({
    config,
    ...(status !== undefined && { status }),
    version: agentVersion,
    clock: wallClock,
    place: { program: here, script: existsSync(script) ? script : undefined },
    services: () => liveServices({ system, clock: wallClock, version: agentVersion, entrance: entrance.value }),
    signal: stopping.signal,
    log: say,
  });
  if (typeof end === 'string') return 0;
  complain(end.error);
  return 3;
}
