import { existsSync, readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { appendHistory } from './measure.ts';
import { measureProcess } from './processes.ts';

/**
 * How many whole worlds `sealift check` searches: six VMs with up to two disks each and faults, real bytes, every law; always
 * the same seeds of `bank-weekend`, in a process of its own, its start included. No peer is compared: the reach is 1,000
 * seeds in 5 minutes on two cores. On a machine that others use as well, only the processor time says something.
 *
 *     npm run build && npx tsx bench/search.ts [seeds] [threads]
 */
const seeds = Number(process.argv[2] ?? 100);
const threads = Number(process.argv[3] ?? availableParallelism());
const command = 'dist/cli.js';
if (!existsSync(command)) throw new Error(`${command} is not there: run npm run build first`);
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

const before = cpuOfChildren();
const ran = await measureProcess([
  ...[process.execPath, command, 'check', 'bank-weekend', '--seed', '1', '--seeds', String(seeds)],
  ...['--threads', String(threads), '--no-shrink', '--json'],
]);
if (ran.status !== 0) throw new Error(`sealift check ended with ${ran.status}: ${ran.output}`);
const cpuSeconds = (cpuOfChildren() - before) / seeds;
const { checked, facts } = JSON.parse(ran.output) as { readonly checked: number; readonly facts: number };
const result = {
  ...{ seeds: checked, threads, facts },
  seedsPerMinute: Math.round((60 * checked) / ran.seconds),
  cpuSecondsPerSeed: Number(cpuSeconds.toFixed(3)),
  peakMib: Math.round(ran.peakBytes / 2 ** 20),
};
console.log(
  `${checked} seeds with ${facts} facts: ${result.seedsPerMinute} a minute on ${threads} threads, ` +
    `${result.cpuSecondsPerSeed} s of processor time each, ${result.peakMib} MiB`,
);
appendHistory('search', result);

/** Processor time of the programs that this one has run, in seconds. */
function cpuOfChildren(): number {
  const text = readFileSync('/proc/self/stat', 'utf8');
  // Behind the name, which may hold anything: state is the first, those of children the fourteenth and fifteenth.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.slice(13, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond;
}
