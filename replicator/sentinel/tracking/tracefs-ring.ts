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
import { err, ok, type Result } from '#core/result';
import { codeOf, detailOf } from '#replicator/disk/durable-file';
import type { CpuStats, KernelRing } from './kernel-ring.ts';
import { readEventFormat, readPageFormat, type BlockEventFormat, type PageFormat } from './trace-format.ts';

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

/** How to record. */
export interface TracefsOptions {
  /** Where tracefs is. */
  readonly tracing: string;
  /** Names the instance, so that a later process finds what an earlier one left. */
  readonly id: string;
  readonly devs: readonly number[];
  /** Memory of the kernel for each CPU. */
  readonly bufferKiB: number;
}

/** The names of our instances begin so. */
const instancePrefix = 'sealift-';
// Not: flushes, which have no sectors, and reads, by their letters. Whatever else there is may change a disk: writes (W),
// discards (D), and what the kernel has no letter for (N), zeroes among them.
const filtersFor = (devs: readonly number[]): readonly string[] => {
  const disks = devs.length === 0 ? 'dev == 0' : devs.map((dev) => `dev == ${dev}`).join(' || ');
  // Kernels before 3.19 have no `!`. What the kernel lets through is looked at again, so less filter costs time only.
  return [`(${disks}) && nr_sector > 0 && !(rwbs ~ "R*")`, disks];
};
const events = ['block_rq_complete', 'block_rq_error'] as const;

/** Makes the instance, in place of one that a process which is gone has left, and begins to record. */
export function openTracefsRing(options: TracefsOptions): Result<KernelRing, string> {
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

function begin(folder: string, ring: KernelRing, devs: readonly number[]): Result<void, string> {
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
interface BufferFiles {
  readonly folder: string;
  pages: number | undefined;
}

function recordIn(folder: string, { page, events: layouts }: Formats): KernelRing {
  const perCpu = join(folder, 'per_cpu');
  // All that this machine can have: a CPU may come, record and go between two looks, and its buffer stays.
  const buffers: readonly BufferFiles[] = readdirSync(perCpu).map((cpu) => ({
    folder: join(perCpu, cpu),
    pages: undefined,
  }));
  // An instance of which a file is open cannot be removed: no second process takes our place while we live.
  const held = openSync(join(folder, 'tracing_on'), 'r');
  return {
    page,
    events: layouts,
    cpus: buffers.map((buffer) => ({
      stats: () => statsOf(buffer),
      readPage: (into) => (buffer.pages === undefined ? 0 : readSome(buffer.pages, into)),
    })),
    pagesMax: pagesPerCpu(folder, page.data.offset + page.data.size),
    isOn: () =>
      [join(folder, 'tracing_on'), ...eventsIn(folder).map((event) => join(event, 'enable'))].every((file) =>
        readFileSync(file, 'utf8').startsWith('1'),
      ),
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
function statsOf(buffer: BufferFiles): CpuStats {
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
function readSome(file: number, into: Uint8Array): number {
  try {
    return readSync(file, into, 0, into.length, null);
  } catch (cause) {
    if (codeOf(cause) === 'EAGAIN') return 0;
    throw cause;
  }
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
