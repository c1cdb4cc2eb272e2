import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { dirname, join } from 'node:path';
import type { Clock } from '#core/clock';
import { readAtIdlePriority } from '#replicator/sentinel/disks/idle-priority';
import { openGuestIdentity } from '#replicator/sentinel/identity/guest-identity';
import { runProgram } from '#replicator/sentinel/run-program';
import { describeFailure, startAgent, type AgentStatus } from './agent.ts';
import type { GuestServices } from './guest-services.ts';
import { installationAt, type InstallationPlace } from './installed-agent.ts';
import { thisMachine } from './this-machine.ts';

/** Where bundles put the files of a sentinel, and where its status is told. */
export const configDefault = '/etc/sealift-sentinel';
const statusFile = '/run/sealift-sentinel/status.json';

/** How the process in a guest is set up. */
export interface SentinelProcess {
  readonly config: string;
  /** The file its status is written to. */
  readonly status?: string;
  readonly version: string;
  readonly clock: Clock;
  readonly place: InstallationPlace;
  readonly services: (bootId: string) => Promise<GuestServices>;
  /** Aborted when it is to end. */
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/** How it ended. `replaced`: a newer one is in its place and is to be started. */
export type SentinelEnd = 'stopped' | 'replaced' | { readonly error: string };

/** Runs a sentinel until it is stopped or replaced. */
export async function runSentinel(options: SentinelProcess): Promise<SentinelEnd> {
  const { config, version, clock, place, signal, log, status = statusFile } = options;
  // Before anything of the guest is touched.
  const identity = await openGuestIdentity(config);
  if (!identity.ok) return { error: describeFailure(identity.error) };
  giveOthersWay();
  const bootId = await readBootId();
  const services = await options.services(bootId);
  const installation = installationAt(place);
  const ended = new Promise<SentinelEnd>((resolve) => {
    signal.addEventListener('abort', () => resolve('stopped'), { once: true });
    if (signal.aborted) resolve('stopped');
    // Answered first: the connection is closed only then.
    installation.onReplaced = () => void setTimeout(() => resolve('replaced'), answerPause);
  });
  const tell = statusTeller(status, () => ({ version, pid: process.pid, stage: services.stage }));
  const agent = await startAgent({
    ...{ directory: config, services, installation, version, bootId, machine: thisMachine, clock, log },
    onStatus: tell,
  });
  if ('type' in agent) {
    await services.close();
    return { error: describeFailure(agent) };
  }
  tell(agent.status);
  // The stage changes without the agent's doing: the script that upgrades looks at it.
  const look = setInterval(() => tell(agent.status), lookPause);
  const end = await ended;
  clearInterval(look);
  await agent.stop(end === 'replaced' ? 'it is replaced by a newer one' : 'it was stopped');
  return end;
}

const answerPause = 200;
const lookPause = 2_000;
const niceness = 10;

/** Behind everybody else in the guest, for processors and disks. What a guest does not have, it does without. */
function giveOthersWay(): void {
  try {
    setPriority(niceness);
  } catch {
    // Not allowed, where it is not run by root.
  }
  void readAtIdlePriority(runProgram);
}

async function readBootId(): Promise<string> {
  const text = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => 'unknown');
  return text.trim();
}

/** Writes the status for a person in the guest. A file system that is read-only by now keeps the one before. */
function statusTeller(path: string, about: () => object): (status: AgentStatus) => void {
  let last = '';
  let writing = Promise.resolve();
  const write = async (text: string): Promise<void> => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const beside = join(dirname(path), '.status.new');
    await writeFile(beside, text, { mode: 0o600 });
    await rename(beside, path);
  };
  return ({ state, detail, since }) => {
    const text = `${JSON.stringify({ state, detail, since: new Date(since).toISOString(), ...about() })}\n`;
    if (text === last) return;
    last = text;
    writing = writing.then(() => write(text)).catch(() => undefined);
  };
}

/** What the sentinel in this guest said last; undefined if none runs. */
export async function sentinelStatus(path = statusFile): Promise<string | undefined> {
  return readFile(path, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );
}
