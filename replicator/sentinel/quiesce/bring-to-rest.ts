import type { Clock } from '#core/clock';
import type { QuiescePolicy, QuiesceReport } from '#core/ports/guest-agent';
import { err, ok, type Result } from '#core/result';
import { after, elapsed, type Instant, type Millis, millis, seconds } from '#core/units';
import type { GuestControl } from '#replicator/sentinel/guest-system';
import { parseMountInfo, parseNoDeviceTypes } from '#replicator/sentinel/inventory/mounts';
import { parseSwaps } from '#replicator/sentinel/inventory/survey';
import { swapOnDisk, type WritableFileSystem, writableFileSystems } from './disk-plan.ts';
import type { Undo } from './rest-journal.ts';
import { type ServiceManager, serviceManager } from './init-system.ts';
import { planStops } from './stop-plan.ts';
import { type Unit, unitOf } from './unit.ts';
import { findWriters, type Writer } from './writers.ts';

/** What `bringToRest` is told by whoever keeps its notes. */
export interface RestTerms {
  readonly policy: QuiescePolicy;
  /** Notes what is about to be done; a sentence if that cannot be noted, and then it is not done. */
  readonly note: (undo: readonly Undo[]) => Promise<string | undefined>;
  /** Asked before each step. */
  readonly givenUp: () => boolean;
}

type Rest = Omit<QuiesceReport, 'took'>;
type Step = () => Promise<string | undefined>;

// Units stopped at once: a group may hold dozens, and each takes a process to ask.
const togetherMax = 8;
// Whatever still comes up after so many looks is left to the file systems, which say whether it matters.
const looksMax = 3;
const killWait = seconds(5);
const writerWait = seconds(2);
const emergencyWait = seconds(30);
const pollWait = millis(100);
const commandLimit = seconds(60);

// What going back needs, run once before anything is down: afterwards it is in the page cache.
const warmPrograms = ['systemctl', 'mount', 'fsfreeze', 'swapon', 'journalctl', 'sh'] as const;

/** Does all of it, step by step, until one says why it cannot go on. Undoes nothing. */
export async function bringToRest(system: GuestControl, clock: Clock, terms: RestTerms): Promise<Result<Rest, string>> {
  const manager = await serviceManager(system);
  const deadline = after(clock.now(), terms.policy.timeout);
  const stopped: QuiesceReport['stopped'][number][] = [];
  const fileSystems: QuiesceReport['fileSystems'][number][] = [];
  const steps: readonly Step[] = [
    () => warmUp(system),
    ...terms.policy.before.map((command) => () => runScript(system, command, half(clock, deadline))),
    () => stopServices({ system, clock, terms, manager, deadline, stopped }),
    ...terms.policy.after.map((command) => () => runScript(system, command, half(clock, deadline))),
    () => endWriters(system, clock, terms),
    () => journalToMemory(system, terms),
    () => swapOff(system, terms),
    () => makeReadOnly({ system, clock, terms, fileSystems }),
  ];
  for (const step of steps) {
    const why = terms.givenUp() ? 'it was given up' : await step();
    if (why !== undefined) return err(why);
  }
  return ok({ stopped, fileSystems });
}

/** Half of what is left, so that one that hangs leaves time for those behind it. At least a second. */
const half = (clock: Clock, deadline: Instant): Millis =>
  millis(Math.max(1000, Math.floor(elapsed(clock.now(), deadline) / 2)));

async function runScript(system: GuestControl, command: string, limit: Millis): Promise<string | undefined> {
  const ran = await system.run('sh', ['-c', command], { timeout: limit });
  if (ran.status === 0) return undefined;
  const how = ran.status === null ? `did not end within ${limit} ms` : `ended with ${ran.status}`;
  return `the script ${JSON.stringify(command)} ${how}: ${ran.stderr.trim()}`;
}

interface Stopping {
  readonly system: GuestControl;
  readonly clock: Clock;
  readonly terms: RestTerms;
  readonly manager: ServiceManager;
  readonly deadline: Instant;
  readonly stopped: QuiesceReport['stopped'][number][];
}

/** Stops what runs, and what came up in the meantime: a bus or a device may start a service that nobody asked for. */
async function stopServices(stopping: Stopping): Promise<string | undefined> {
  const { system, terms, manager } = stopping;
  const self = unitOf((await system.read('/proc/self/cgroup')) ?? '');
  for (let look = 0; look < looksMax; look += 1) {
    const units = await manager.units();
    if (units === undefined) return `${manager.name} did not say which services run`;
    const { groups } = planStops(units, terms.policy, self);
    if (groups.length === 0) return undefined;
    for (const chunk of groups.flatMap((group) => inChunks(group, togetherMax))) {
      if (terms.givenUp()) return 'it was given up';
      // What was started by the stopping itself is not part of the service that the guest goes back to.
      const why = look === 0 ? await terms.note(undoOf(units, chunk)) : undefined;
      if (why !== undefined) return why;
      await Promise.all(chunk.map((id) => stopUnit(stopping, id)));
    }
  }
  return undefined;
}

function undoOf(units: readonly Unit[], ids: readonly string[]): readonly Undo[] {
  const comesBack = new Set(units.filter(({ kind }) => kind !== 'session' && kind !== 'container').map(({ id }) => id));
  const start = ids.filter((id) => comesBack.has(id));
  const ended = units.filter(({ id, kind }) => ids.includes(id) && kind === 'session').map(({ id }) => id);
  return [
    ...(start.length > 0 ? [{ type: 'start', units: start } as const] : []),
    ...(ended.length > 0 ? [{ type: 'ended', units: ended } as const] : []),
  ];
}

async function stopUnit({ clock, manager, deadline, stopped }: Stopping, id: string): Promise<void> {
  const began = clock.now();
  let outcome: 'stopped' | 'killed' = 'stopped';
  if (!(await manager.stop(id, half(clock, deadline)))) {
    outcome = 'killed';
    await manager.kill(id);
    const until = after(clock.now(), killWait);
    // Whoever outlives even that is found by what it has open, and if not, by a file system that stays writable.
    while (clock.now() < until && (await manager.running(id))) await clock.wait(pollWait);
  }
  stopped.push({ unit: id, took: elapsed(began, clock.now()), outcome });
}

const inChunks = (names: readonly string[], size: number): readonly (readonly string[])[] =>
  Array.from({ length: Math.ceil(names.length / size) }, (_, n) => names.slice(n * size, (n + 1) * size));

/** Ends processes of no unit that could still write. Those of kept units go on: their file system is forced. */
async function endWriters(system: GuestControl, clock: Clock, terms: RestTerms): Promise<string | undefined> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const open = await writable(system);
    const strangers = (await findWriters(system, new Set(open.map(({ device }) => device)))).filter(isStranger);
    if (strangers.length === 0) return undefined;
    const named = strangers.map(({ pid, command }) => `${command} (process ${pid})`);
    const why = signal === 'SIGTERM' ? await terms.note([{ type: 'ended', units: named }]) : undefined;
    if (why !== undefined) return why;
    for (const { pid } of strangers) system.signal(pid, signal);
    const until = after(clock.now(), writerWait);
    while (clock.now() < until && !terms.givenUp() && (await anyLives(system, strangers))) await clock.wait(pollWait);
  }
  return undefined;
}

const anyLives = async (system: GuestControl, writers: readonly Writer[]): Promise<boolean> => {
  const names = await Promise.all(writers.map(({ pid }) => system.read(`/proc/${pid}/comm`)));
  return names.some((name) => name !== undefined);
};

// Without units, these are known by their names: what keeps the network up, and the system itself.
const keptCommands = /^(?:init|systemd.*|udevd|dhclient|dhcpcd|udhcpc|NetworkManager|wicked.*|wpa_supplicant)$/;

/** Everything that was to stop has stopped: a service that still runs is a kept one. What has no unit is nobody's. */
const isStranger = ({ pid, unit, command }: Writer): boolean =>
  pid !== 1 && (unit === '' || unit.endsWith('.scope')) && !keptCommands.test(command);

/** The journal goes to memory, so that the journal daemon has no file open on a disk. Old versions cannot. */
async function journalToMemory(system: GuestControl, terms: RestTerms): Promise<string | undefined> {
  if ((await system.list('/var/log/journal')).length === 0) return undefined;
  const why = await terms.note([{ type: 'journalToDisk' }]);
  if (why !== undefined) return why;
  await system.run('journalctl', ['--relinquish-var'], { timeout: commandLimit });
  return undefined;
}

async function swapOff(system: GuestControl, terms: RestTerms): Promise<string | undefined> {
  for (const place of swapOnDisk(parseSwaps((await system.read('/proc/swaps')) ?? ''))) {
    const why = await terms.note([{ type: 'swapOn', place }]);
    if (why !== undefined) return why;
    const off = await system.run('swapoff', [place], { timeout: commandLimit });
    if (off.status !== 0) return `swap on ${place} cannot be turned off: ${off.stderr.trim()}`;
  }
  return undefined;
}

async function warmUp(system: GuestControl): Promise<undefined> {
  for (const program of warmPrograms) await system.run(program, program === 'sh' ? ['-c', ':'] : ['--version']);
  return undefined;
}

const writable = async (system: GuestControl): Promise<readonly WritableFileSystem[]> =>
  writableFileSystems(
    parseMountInfo((await system.read('/proc/self/mountinfo')) ?? ''),
    parseNoDeviceTypes((await system.read('/proc/filesystems')) ?? ''),
  );

interface Closing {
  readonly system: GuestControl;
  readonly clock: Clock;
  readonly terms: RestTerms;
  readonly fileSystems: QuiesceReport['fileSystems'][number][];
}

async function makeReadOnly(closing: Closing): Promise<string | undefined> {
  const { system, clock, terms, fileSystems } = closing;
  await system.run('sync', [], { timeout: commandLimit });
  const frozen = new Set<string>();
  for (const one of await writable(system)) {
    if (terms.givenUp()) return 'it was given up';
    const closed = await closeFileSystem(closing, one);
    if (!closed.ok) return closed.error;
    if (closed.value === 'open') continue;
    if (closed.value === 'frozen') frozen.add(one.mountpoint);
    fileSystems.push({ mountpoint: one.mountpoint, how: closed.value });
  }
  const open = async (): Promise<readonly WritableFileSystem[]> =>
    (await writable(system)).filter(({ mountpoint }) => !frozen.has(mountpoint));
  const left = await open();
  if (left.length === 0) return undefined;
  if (terms.givenUp()) return 'it was given up';
  // The kernel does it in its own time, for every file system at once, whoever has files open.
  const refused = await system.write('/proc/sysrq-trigger', 'u');
  const until = after(clock.now(), emergencyWait);
  while (clock.now() < until && refused === undefined && (await open()).length > 0) await clock.wait(pollWait);
  const still = await open();
  if (still.length > 0) return `still writable: ${still.map(({ mountpoint }) => mountpoint).join(', ')}`;
  fileSystems.push(...left.map(({ mountpoint }) => ({ mountpoint, how: 'emergency' as const })));
  return undefined;
}

/** How it was done; `open` if only the emergency remount is left. */
async function closeFileSystem(
  { system, terms }: Closing,
  { mountpoint, device, freezable }: WritableFileSystem,
): Promise<Result<'remounted' | 'frozen' | 'open', string>> {
  const why = await terms.note([{ type: 'writable', mountpoint }]);
  if (why !== undefined) return err(why);
  const remounted = await system.run('mount', ['-n', '-o', 'remount,ro', mountpoint], { timeout: commandLimit });
  // Its word is not taken for it: what counts is what the kernel says of the file system.
  const open = await writable(system);
  if (remounted.status === 0 && !open.some((other) => other.device === device)) return ok('remounted');
  // Never the root: the sentinel itself would hang in its next write. Nor one with a writer, which would hang too.
  if (!freezable || mountpoint === '/') return ok('open');
  if ((await findWriters(system, new Set([device]))).length > 0) return ok('open');
  const unnoted = await terms.note([{ type: 'thaw', mountpoint }]);
  if (unnoted !== undefined) return err(unnoted);
  const frozen = await system.run('fsfreeze', ['-f', mountpoint], { timeout: commandLimit });
  return ok(frozen.status === 0 ? 'frozen' : 'open');
}
