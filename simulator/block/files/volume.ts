import type { Rng } from '#core/rng';
import { instant, millis, type Millis, type Ratio } from '#core/units';
import type { Files } from '#replicator/disk/files';
import type { SimulatedProcess } from '#simulator/block/process';
import { collectedMemory, type MemorySource } from '#simulator/block/world-memory';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { FileSystem, type FaultCheck } from './file-system.ts';
import { processFiles, type ProcessTable } from './process-files.ts';
import { SystemFault } from './system-fault.ts';

/** What may fail: room runs out, or the disk cannot be read, written or synced. */
export type VolumeFault = Parameters<FaultCheck>[0];

/** How long calls take, drawn anew for each: both ends included. */
export interface VolumeLatency {
  readonly call: readonly [min: Millis, max: Millis];
  readonly sync: readonly [min: Millis, max: Millis];
}

/** What a volume is made of. */
export interface VolumeOptions {
  readonly rng: Rng;
  readonly clock: Pick<SimulatedClock, 'now' | 'schedule'>;
  /** Takes what chance decided and what is worth telling: what a crash left of each file. */
  readonly note?: (label: string, value: string | number | boolean) => void;
  /** The machine it is of. */
  readonly name?: string;
  /** Bytes there is room for. */
  readonly capacity?: number;
  readonly latency?: VolumeLatency;
  readonly memory?: MemorySource;
}

/** The disk of a simulated machine, with a file system on it. */
export interface SimulatedVolume {
  /** The files as a process of this machine sees them. Whatever it has open is closed when it dies. */
  files(process: SimulatedProcess): Files;
  /**
   * Power fails: every process that was given files dies, and what was not synced is kept, lost or torn. Afterwards the
   * volume is there again, for processes that are started then.
   */
  crash(): void;
  readonly freeBytes: number;
  /**
   * From now on such calls fail, always or at a rate, of all files or those `of` says; only the next one if `once`. Call what
   * is returned to heal it.
   */
  fail(
    fault: VolumeFault,
    where?: { readonly rate?: Ratio; readonly of?: (path: string) => boolean; readonly once?: boolean },
  ): () => void;
  /** From now on calls take so many times as long. Call what is returned to heal it. */
  slow(factor: number): () => void;
  /** For those who set the world up: a file that was always there, with the directories on the way to it. */
  place(path: string, content: Uint8Array): void;
  /** For those who set the world up: a file is gone, as if it had never been there. */
  remove(path: string): void;
  /** For those who set the world up: a directory that was always there. */
  placeDirectory(path: string): void;
  /** For those who judge: what a reader would see now, without taking time. Undefined if there is no such file. */
  content(path: string): Uint8Array | undefined;
  /** A part of that, with zeroes behind the end of the file. */
  part(path: string, at: number, length: number): Uint8Array | undefined;
  /** How long that is, in bytes. */
  size(path: string): number | undefined;
}

const latencyDefault: VolumeLatency = { call: [millis(0), millis(1)], sync: [millis(1), millis(8)] };

interface ActiveFault {
  readonly kind: VolumeFault;
  readonly rate: Ratio | undefined;
  readonly of: (path: string) => boolean;
  readonly once: boolean;
}

/**
 * A volume with what was written and what is durable apart. Calls take simulated time and end in the queue of the clock; an
 * effect happens as its call ends. What a dying process had asked for happens or does not.
 *
 * @differs Calls that return at once, such as those on pages of digests, take no simulated time.
 */
export function simulatedVolume(options: VolumeOptions): SimulatedVolume {
  const {
    rng,
    clock,
    note = () => undefined,
    name = 'machine',
    capacity = Infinity,
    memory = collectedMemory,
  } = options;
  const latency = options.latency ?? latencyDefault;
  const faults = new Set<ActiveFault>();
  const factors = new Set<{ readonly factor: number }>();
  const chance = { latency: rng.fork('latency'), faults: rng.fork('faults'), crash: rng.fork('crash') };
  const check: FaultCheck = (kind, call, path) => {
    for (const fault of faults) {
      const { kind: failing, rate, of, once } = fault;
      if (failing !== kind || !of(path) || (rate && !chance.faults.chance(rate))) continue;
      if (once) faults.delete(fault);
      note(`${name} fails to ${call}`, path);
      throw new SystemFault(kind === 'noSpace' ? 'ENOSPC' : 'EIO', call, path);
    }
  };
  const system = new FileSystem({ clock, capacity, check, name, memory });
  const lasting = (kind: 'call' | 'sync'): Millis => {
    const [min, max] = latency[kind];
    let time = chance.latency.between(min, max);
    for (const { factor } of factors) time *= factor;
    return millis(Math.round(time));
  };
  const table = processTable(clock);
  const added = <T>(set: Set<T>, item: T): (() => void) => {
    set.add(item);
    return () => set.delete(item);
  };
  return {
    files: (process) =>
      processFiles({ system, process, clock, lasting, rng: chance.crash, host: name, table, pid: table.add(process) }),
    crash() {
      table.killAll();
      system.crash(chance.crash, ({ path, writes: { kept, lost, torn }, namesUndone }) => {
        if (namesUndone > 0) note(`${name} undid names in ${path}`, namesUndone);
        else note(`${name} crashed with writes to ${path}`, `${kept} kept, ${lost} lost, ${torn} torn`);
      });
    },
    get freeBytes() {
      return system.freeBytes;
    },
    fail: (kind, { rate, of = () => true, once = false } = {}) => added(faults, { kind, rate, of, once }),
    slow: (factor) => added(factors, { factor }),
    place: (path, content) => system.place(path, content),
    remove: (path) => system.remove(path),
    placeDirectory: (path) => system.placeDirectory(path),
    content: (path) => system.contentOf(path, 0),
    part: (path, at, length) => system.contentOf(path, at, length),
    size: (path) => system.sizeOf(path),
  };
}

/** The processes of a machine and their ids, none of which is given out twice. */
function processTable(
  clock: Pick<SimulatedClock, 'now'>,
): ProcessTable & { killAll(): void; add(p: SimulatedProcess): number } {
  const all: { readonly process: SimulatedProcess; readonly started: string }[] = [];
  return {
    add: (process) => {
      const known = all.findIndex((entry) => entry.process === process);
      if (known >= 0) return known + 1;
      return all.push({ process, started: String(instant(clock.now())) });
    },
    startOf: (pid) => {
      const found = all[pid - 1];
      return found?.process.isAlive() ? found.started : undefined;
    },
    killAll: () => {
      for (const { process } of all) process.kill();
    },
  };
}
