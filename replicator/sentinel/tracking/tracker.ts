import type { Extent } from '#core/disk/extent';
import type { DiskId } from '#core/ids';
import type { ChangeMark, Changes } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { listDisks, type DiskChoice, type WholeDisk } from '#replicator/sentinel/disks/guest-disks';
import { sysfsAt } from '#replicator/sentinel/disks/sysfs';
import { findTracing, type RunProgram, type Tracing } from './find-tracing.ts';
import { markBook, type MarkableDisk, type MarkBook, type MarkError } from './mark-book.ts';
import { openTraceRing, type TraceRing } from './trace-ring.ts';

/*
 * Change tracking of a guest's disks from inside, without a driver.
 *
 * Why no write is missed. For a write there are three moments:
 *
 *     M  the disk has the new content, and every read past the cache that begins later sees it
 *     E  the kernel records the completed request, on the CPU that completes it, and counts it
 *     A  whoever wrote hears that it is done
 *
 * `blk_update_request` and `blk_complete_request` record before they end a bio, and drivers call them when the disk has
 * answered, so M < E < A. Marks are swapped at an instant S, after all that was counted before the call has been read.
 *
 *     E before the swap is read     the write is in the frozen mark. Its range is read after S, so after M: it is seen.
 *     E is read after S             the write is in the next mark, and its range is read again in the next round,
 *                                   whatever the reads of this round saw of it.
 *
 * A record that is read late, from a CPU that is still writing it, only moves a write to a later mark: never out of all
 * of them. For the last round there is no later mark. But then nothing writes any more, every A lies before the call,
 * and so does every E; all counted records are read before the swap, or the mark is lost.
 *
 * The first mark is like that too: a write with E before recording began has M before the full sync reads it.
 *
 * What is not seen: commands sent past the block layer (SG_IO), and discards that a driver merges though they do not
 * touch. The latter lose the mark. The former are found by the digests that are compared before a cutover.
 */

/** A disk, and whether its writes can be tracked. */
export type TrackedDisk = WholeDisk & {
  readonly tracking: { readonly possible: true } | { readonly possible: false; readonly why: string };
};

/** Tracking as a heartbeat tells of it. */
export interface TrackingBacklog {
  readonly recording: boolean;
  /** Requests that wait in the kernel's buffers. */
  readonly unread: number;
  readonly read: number;
  /** Records lost since recording began. More than none, and every mark that recorded then is lost. */
  readonly lost: number;
  /** Bytes of memory for all that marks hold. */
  readonly memory: number;
}

/** Change tracking of one guest. Calls may overlap; they are done in order, one at a time. Every call may be repeated. */
export interface Tracker {
  disks(): Promise<readonly TrackedDisk[]>;
  /** From the moment this returns, every write to every trackable disk is in the mark. */
  begin(mark: ChangeMark): Promise<Result<void, MarkError>>;
  /** Freezes `from` and begins `to` at one instant on all disks. */
  advance(from: ChangeMark, to: ChangeMark): Promise<Result<void, MarkError>>;
  /** How much a mark has recorded so far, by disk. Disks that cannot be tracked are not among them. */
  changes(mark: ChangeMark): Promise<Result<readonly Changes[], MarkError>>;
  /** What a frozen mark recorded in a range of a disk: at most `max` extents, and up to where they tell. */
  extents(mark: ChangeMark, disk: DiskId, range: Extent, max: number): Promise<Result<KnownExtents, MarkError>>;
  drop(mark: ChangeMark): Promise<void>;
  /** Drops all marks of an owner. After the last mark that records, nothing of us is left in the kernel. */
  release(owner: string): Promise<void>;
  backlog(): TrackingBacklog;
  /** Forgets everything and removes it from the kernel. */
  close(): Promise<void>;
}

/** Extents of a range, up to `until`; the rest is to be asked for again. */
export interface KnownExtents {
  readonly extents: readonly Extent[];
  readonly until: number;
}

/** How to track. */
export interface TrackerOptions {
  readonly run: RunProgram;
  /** Names our instance of tracing: letters, digits, dashes. The same after a restart, so that leftovers are found. */
  readonly id: string;
  readonly sysfs?: string;
  readonly choice?: DiskChoice;
  /** Where tracefs is looked for, if not in the usual places. */
  readonly tracingPlaces?: readonly string[];
  /** Where tracefs is mounted if it is nowhere. */
  readonly mountPoint?: string;
  /** The kernel's memory for records, for each CPU. */
  readonly bufferKiB?: number;
  /** Milliseconds between two looks into the buffers, at most. */
  readonly lookEveryMs?: number;
}

// Room for some 75,000 requests on one CPU. Looked at four times a second it takes 300,000 a second to fill it.
const bufferKiBDefault = 4_096;
const bufferKiBLeast = 16;
const lookEveryDefault = 250;
// A buffer that was this full at a look is looked at sooner the next time.
const fullness = { busy: 1 / 8, quiet: 1 / 64 };
const lookSoonestMs = 10;
const mountPointDefault = '/run/sealift-tracing';

/** Looks for what tracking needs; records nothing yet. */
export async function openTracker(options: TrackerOptions): Promise<Tracker> {
  const { run, mountPoint = mountPointDefault, tracingPlaces } = options;
  const places = { ours: mountPoint, ...(tracingPlaces && { usual: tracingPlaces }) };
  const found = await findTracing(run, places);
  if (!found.ok) return trackerOver(options, found);
  // Some kernels show tracing and do not let it be used (lockdown). Better known now than when a migration begins.
  const tried = openTraceRing({ tracing: found.value.path, id: options.id, devs: [], bufferKiB: bufferKiBLeast });
  if (tried.ok) {
    tried.value.close();
    return trackerOver(options, found);
  }
  await found.value.release();
  return trackerOver(options, tried);
}

interface State {
  readonly options: TrackerOptions;
  readonly tracing: Result<Tracing, string>;
  readonly book: MarkBook;
  ring: TraceRing | undefined;
  /** The disks the ring records, as text: to see whether it must be told anew. */
  ringDisks: string;
  /** What the counters said when marks were last known to be whole. */
  lost: number;
  timer: NodeJS.Timeout | undefined;
  lookMs: number;
}

function trackerOver(options: TrackerOptions, tracing: Result<Tracing, string>): Tracker {
  const state: State = {
    options,
    tracing,
    book: markBook(),
    ring: undefined,
    ringDisks: '',
    lost: 0,
    timer: undefined,
    lookMs: options.lookEveryMs ?? lookEveryDefault,
  };
  const { book } = state;
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
  const disks = (): Promise<readonly TrackedDisk[]> => lookAtDisks(state);
  return {
    disks,
    begin: (mark) =>
      inTurn(async () => {
        const now = (await disks()).map(markable);
        const begun = await record(state, now);
        return begun.ok ? book.begin(mark, now) : err({ type: 'Refused', operation: 'beginMark', detail: begun.error });
      }),
    advance: (from, to) =>
      inTurn(async () => {
        const now = (await disks()).map(markable);
        await catchUp(state);
        // The disks are those of the old mark, or it is worthless: so all of them are recorded already.
        return book.advance(from, to, now);
      }),
    changes: (mark) =>
      inTurn(async () => {
        const now = await disks();
        await catchUp(state);
        return book.changes(mark, now);
      }),
    extents: (mark, disk, range, max) =>
      inTurn(async () => {
        const bitmap = book.frozen(mark, disk, await disks());
        return bitmap.ok ? ok(bitmap.value.extents(range, max)) : bitmap;
      }),
    drop: (mark) => inTurn(async () => settle(state, () => book.drop(mark))),
    release: (owner) => inTurn(async () => settle(state, () => book.dropAllOf(owner))),
    backlog: () => {
      const counted = state.ring?.counters();
      const { unread = 0, read = 0, lost = 0 } = counted?.ok ? counted.value : {};
      return { recording: state.ring !== undefined, unread, read, lost, memory: book.memory };
    },
    close: () =>
      inTurn(async () => {
        stop(state);
        if (tracing.ok) await tracing.value.release();
      }),
  };
}

async function lookAtDisks({ options, tracing }: State): Promise<readonly TrackedDisk[]> {
  const found = await listDisks(sysfsAt(options.sysfs ?? '/sys'), options.choice);
  return found.map((disk) => {
    const why = tracing.ok ? whyNot(disk) : tracing.error;
    return { ...disk, tracking: why === undefined ? { possible: true } : { possible: false, why } };
  });
}

/** Why writes to a disk cannot be tracked from its completed requests. */
function whyNot({ requestBased, layers }: WholeDisk): string | undefined {
  if (!requestBased) return 'its driver takes I/O without requests, and their completions are not all recorded';
  if (layers.some(({ kind }) => kind === 'multipath'))
    return 'it is one of several paths to a disk, and writes take any of them';
  return undefined;
}

const markable = ({ id, size, identity, dev, scatteredDiscards, tracking }: TrackedDisk): MarkableDisk => ({
  id,
  size,
  identity,
  dev,
  scatteredDiscards,
  trackable: tracking.possible,
});

/** Makes sure that every trackable disk is recorded from the return on. */
async function record(state: State, disks: readonly MarkableDisk[]): Promise<Result<void, string>> {
  const { options, tracing } = state;
  const devs = disks.filter(({ trackable }) => trackable).map(({ dev }) => dev);
  if (devs.length === 0 || !tracing.ok) return ok(undefined);
  const wanted = devs.join(' ');
  if (state.ring === undefined) {
    const bufferKiB = options.bufferKiB ?? bufferKiBDefault;
    const opened = openTraceRing({ tracing: tracing.value.path, id: options.id, devs, bufferKiB });
    if (!opened.ok) return opened;
    state.ring = opened.value;
    state.lost = 0;
    scheduleLook(state);
  } else {
    // What was dropped so far is no matter to a mark that is not begun yet.
    await catchUp(state);
    const told = state.ringDisks === wanted ? ok(undefined) : state.ring.setDisks(devs);
    if (!told.ok) return told;
  }
  state.ringDisks = wanted;
  return ok(undefined);
}

/** Takes in all that was completed before the call, and loses what records if the kernel cannot vouch for all of it. */
async function catchUp(state: State): Promise<void> {
  const { ring, book } = state;
  if (ring === undefined) return;
  const drained = await ring.drain(book.note);
  if (!drained.ok) book.loseRecording(drained.error);
  // The proof: whatever the kernel dropped, it counted. Asked after reading, so that nothing falls between the two.
  const counters = ring.counters();
  if (!counters.ok) return book.loseRecording(counters.error);
  const { lost } = counters.value;
  if (lost > state.lost) book.loseRecording(`${lost - state.lost} completed requests were not recorded`);
  state.lost = lost;
}

function scheduleLook(state: State): void {
  state.timer = setTimeout(() => {
    const { ring, options } = state;
    if (ring === undefined) return;
    try {
      const full = ring.read(state.book.note);
      if (full > fullness.busy) state.lookMs = Math.max(lookSoonestMs, state.lookMs / 2);
      else if (full < fullness.quiet)
        state.lookMs = Math.min(options.lookEveryMs ?? lookEveryDefault, state.lookMs * 2);
    } catch (cause) {
      state.book.loseRecording(`the records could not be read: ${String(cause)}`);
    }
    scheduleLook(state);
  }, state.lookMs);
  // Tracking alone is no reason to stay.
  state.timer.unref();
}

/** After the last mark that records, nothing is left to record. */
function settle(state: State, work: () => void): void {
  work();
  if (!state.book.records) stop(state);
}

function stop(state: State): void {
  clearTimeout(state.timer);
  state.ring?.close();
  state.ring = undefined;
  state.ringDisks = '';
}
