import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { err, ok, type Result } from '#core/result';
import { codeOf, detailOf } from '#replicator/disk/durable-file';
import { readEventFormat, readPageFormat, type BlockEventFormat, type PageFormat } from './trace-format.ts';
import { readPage, type CompletedRequest } from './trace-page.ts';

/*
 * The kernel's record of completed requests, as an instance of tracing of our own: its events, filter, buffers and
 * counters are nobody else's.
 *
 *     instances/sealift-<id>/
 *       events/block/block_rq_complete/{filter,enable}     and block_rq_error where there is one
 *       per_cpu/cpu<n>/{trace_pipe_raw,stats}              one buffer per CPU, read page by page
 *
 * Requests are recorded on the CPU that completes them. When a buffer is full the kernel drops what is new and counts
 * it (`nooverwrite`); the counters in `stats` are the proof that nothing was dropped.
 */

/** What happened to the buffers as a whole. */
export interface RingCounters {
  /** Requests that the kernel counted as recorded and that were not read yet. */
  readonly unread: number;
  /** Requests read so far. */
  readonly read: number;
  /** Whatever was dropped, overwritten or not understood so far. */
  readonly lost: number;
}

/** An open record. Not to be used by two at a time. */
export interface TraceRing {
  /** Hands out what is there, without waiting. Answers how full the fullest buffer was, from 0 to 1. */
  read(onRequest: (request: CompletedRequest) => void): number;
  /**
   * Hands out at least everything that was completed before the call. The error is a sentence: then it is not known what
   * was completed.
   */
  drain(onRequest: (request: CompletedRequest) => void): Promise<Result<void, string>>;
  /** The error is a sentence: then nothing is proven. */
  counters(): Result<RingCounters, string>;
  /** Whose writes are recorded, by the kernel's numbers of whole disks. At no moment is less recorded than both of old and new. */
  setDisks(devs: readonly number[]): Result<void, string>;
  /** Removes the instance. */
  close(): void;
}

/** How to record. */
export interface TraceRingOptions {
  /** Where tracefs is. */
  readonly tracing: string;
  /** Names the instance, so that a later process finds what an earlier one left. */
  readonly id: string;
  readonly devs: readonly number[];
  /** Memory of the kernel for each CPU. */
  readonly bufferKiB: number;
}

/** The names of our instances begin so. */
export const instancePrefix = 'sealift-';
// Not: flushes, which have no sectors, and reads, by their letters. Whatever else there is may change a disk: writes (W),
// discards (D), and what the kernel has no letter for (N), zeroes among them.
const filtersFor = (devs: readonly number[]): readonly string[] => {
  const disks = devs.length === 0 ? 'dev == 0' : devs.map((dev) => `dev == ${dev}`).join(' || ');
  // Kernels before 3.19 have no `!`. What the kernel lets through is looked at again, so less filter costs time only.
  return [`(${disks}) && nr_sector > 0 && !(rwbs ~ "R*")`, disks];
};
const events = ['block_rq_complete', 'block_rq_error'] as const;
const drainMaxMs = 10_000;

/** Makes the instance, in place of one that a process which is gone has left, and begins to record. */
export function openTraceRing(options: TraceRingOptions): Result<TraceRing, string> {
  const { tracing, id, devs, bufferKiB } = options;
  const folder = join(tracing, 'instances', `${instancePrefix}${id}`);
  const made = attempt(() => makeInstance(folder));
  if (!made.ok) return err(`no instance of tracing could be made: ${made.error}`);
  const ring = attempt(() => {
    write(join(folder, 'buffer_size_kb'), String(bufferKiB));
    // Each is an economy or a habit of ours, and no kernel must have it: counters tell what is lost in either mode.
    for (const option of ['nooverwrite', 'norecord-cmd', 'norecord-tgid'])
      attempt(() => write(join(folder, 'trace_options'), option));
    return recordIn(folder, formatsIn(tracing));
  });
  const begun = ring.ok ? begin(folder, ring.value, devs) : ring;
  if (!begun.ok) {
    if (ring.ok) ring.value.close();
    else attempt(() => rmdirSync(folder));
    return err(`the kernel does not record requests: ${begun.error}`);
  }
  return ring;
}

function makeInstance(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw cause;
    // Fails while another process has its files open, so two never share one.
    rmdirSync(folder);
    mkdirSync(folder);
  }
}

/** The layouts this kernel uses. */
interface Formats {
  readonly page: PageFormat;
  readonly events: ReadonlyMap<number, BlockEventFormat>;
}

function formatsIn(tracing: string): Formats {
  const page = readPageFormat(readFileSync(join(tracing, 'events/header_page'), 'utf8'));
  if (!page.ok) throw new Error(page.error);
  const found = new Map<number, BlockEventFormat>();
  for (const name of events) {
    const text = attempt(() => readFileSync(join(tracing, 'events/block', name, 'format'), 'utf8'));
    if (!text.ok && name === 'block_rq_error') continue; // From 5.18 on. Before that `block_rq_complete` is all there is.
    if (!text.ok) throw new Error(text.error);
    const format = readEventFormat(text.value);
    if (!format.ok) throw new Error(format.error);
    found.set(format.value.id, format.value);
  }
  return { page: page.value, events: found };
}

function begin(folder: string, ring: TraceRing, devs: readonly number[]): Result<void, string> {
  const filtered = ring.setDisks(devs);
  if (!filtered.ok) return filtered;
  return attempt(() => {
    for (const event of eventsIn(folder)) write(join(event, 'enable'), '1');
    write(join(folder, 'tracing_on'), '1');
  });
}

const eventsIn = (folder: string): readonly string[] =>
  events
    .map((name) => join(folder, 'events/block', name))
    .filter((event) => attempt(() => readFileSync(join(event, 'enable'))).ok);

/** The buffer of one CPU. Opened for reading once something was recorded in it: a guest may have far more than it uses. */
interface CpuBuffer {
  readonly folder: string;
  pages: number | undefined;
}

type OnRequest = (request: CompletedRequest) => void;

// How many reads go by before CPUs that recorded nothing so far are looked at again.
const lookEvery = 8;

function recordIn(folder: string, formats: Formats): TraceRing {
  const perCpu = join(folder, 'per_cpu');
  // All that this machine can have: a CPU may come, record and go between two looks, and its buffer stays.
  const buffers: readonly CpuBuffer[] = readdirSync(perCpu).map((cpu) => ({
    folder: join(perCpu, cpu),
    pages: undefined,
  }));
  // An instance of which a file is open cannot be removed: no second process takes our place while we live.
  const held = openSync(join(folder, 'tracing_on'), 'r');
  const page = Buffer.alloc(formats.page.data.offset + formats.page.data.size);
  const pagesMax = pagesPerCpu(folder, page.length);
  let notUnderstood = 0;
  let reads = 0;

  const readCpu = ({ pages }: CpuBuffer, onRequest: OnRequest): number => {
    let count = 0;
    for (; pages !== undefined && readSome(pages, page) > 0; count += 1) {
      const { missed, intact } = readPage(page, formats.page, formats.events, onRequest);
      if (missed || !intact) notUnderstood += 1;
    }
    return count;
  };
  const look = (): readonly CpuStats[] => buffers.map(statsOf);
  const isOn = (): boolean =>
    [join(folder, 'tracing_on'), ...eventsIn(folder).map((event) => join(event, 'enable'))].every((file) =>
      readFileSync(file, 'utf8').startsWith('1'),
    );
  return {
    read: (onRequest) => {
      if (reads++ % lookEvery === 0) look();
      const most = buffers.reduce((max, buffer) => Math.max(max, readCpu(buffer, onRequest)), 0);
      return Math.min(1, most / pagesMax);
    },
    drain: (onRequest) =>
      attemptAsync(async () => {
        // The kernel counts a record before the request's owner hears of its completion. A record may be counted and not
        // yet readable: an interrupt completed a request while another record was being written on the same CPU.
        const goals = look().map(({ entries, read }) => entries + read);
        const until = Date.now() + drainMaxMs;
        for (;;) {
          for (const buffer of buffers) readCpu(buffer, onRequest);
          if (look().every(({ entries, read }, cpu) => entries === 0 || read >= (goals[cpu] ?? 0))) break;
          if (Date.now() > until) throw new Error('records that were counted could not be read');
          await pause(1);
        }
        if (!isOn()) throw new Error('somebody else has turned the recording off');
      }),
    counters: () =>
      attempt(() => {
        const all = look();
        const sum = (of: (stats: CpuStats) => number): number => all.reduce((total, stats) => total + of(stats), 0);
        return {
          unread: sum(({ entries }) => entries),
          read: sum(({ read }) => read),
          lost: sum(({ lost }) => lost) + notUnderstood,
        };
      }),
    setDisks: (devs) => {
      for (const event of eventsIn(folder)) {
        const refused = firstAccepted(filtersFor(devs), (filter) => write(join(event, 'filter'), filter));
        if (refused !== undefined) return err(refused);
      }
      return ok(undefined);
    },
    close: () => {
      for (const buffer of buffers) {
        if (buffer.pages !== undefined) closeSync(buffer.pages);
        buffer.pages = undefined;
      }
      closeSync(held);
      attempt(() => rmdirSync(folder));
    },
  };
}

/** What the kernel counted for one CPU; from its first record on its buffer is open. */
function statsOf(buffer: CpuBuffer): CpuStats {
  const stats = readStats(readFileSync(join(buffer.folder, 'stats'), 'utf8'));
  if (stats.entries + stats.read > 0)
    buffer.pages ??= openSync(join(buffer.folder, 'trace_pipe_raw'), constants.O_RDONLY | constants.O_NONBLOCK);
  return stats;
}

/** Tries one after the other. Why the first was refused, if all were. */
function firstAccepted<T>(choices: readonly T[], work: (choice: T) => void): string | undefined {
  const refusals: string[] = [];
  for (const choice of choices) {
    const tried = attempt(() => work(choice));
    if (tried.ok) return undefined;
    refusals.push(tried.error);
  }
  return refusals[0];
}

/** One page, or 0 where there is none. */
function readSome(file: number, into: Buffer): number {
  try {
    return readSync(file, into, 0, into.length, null);
  } catch (cause) {
    if (codeOf(cause) === 'EAGAIN') return 0;
    throw cause;
  }
}

/** What the kernel counted for one CPU. */
interface CpuStats {
  readonly entries: number;
  readonly read: number;
  readonly lost: number;
}

function readStats(text: string): CpuStats {
  const number = (name: string): number => {
    const found = new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1];
    // Counters are the proof: one that is not there proves nothing.
    if (found === undefined) throw new Error(`the kernel does not count: ${name}`);
    return Number(found);
  };
  return {
    entries: number('entries'),
    read: number('read events'),
    lost: number('overrun') + number('commit overrun') + number('dropped events'),
  };
}

function pagesPerCpu(folder: string, pageLength: number): number {
  // "7 (expanded: 1408)" until it is used.
  const kib = Number(/\d+/.exec(readFileSync(join(folder, 'buffer_size_kb'), 'utf8'))?.[0] ?? 0);
  return Math.max(1, (kib * 1_024) / pageLength);
}

// Files of the kernel take one write as one command.
const write = (path: string, text: string): void => writeFileSync(path, `${text}\n`, { flag: 'r+' });

function attempt<T>(work: () => T): Result<T, string> {
  try {
    return ok(work());
  } catch (cause) {
    return err(detailOf(cause));
  }
}

async function attemptAsync(work: () => Promise<void>): Promise<Result<void, string>> {
  try {
    return ok(await work());
  } catch (cause) {
    return err(detailOf(cause));
  }
}
