import type { Clock } from '#core/clock';
import type { Extent } from '#core/disk/extent';
import type { DiskId } from '#core/ids';
import type { ChangeMark, Changes } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { millis } from '#core/units';
import type { WholeDisk } from '#replicator/sentinel/disks/guest-disks';
import type { KernelTracing } from './kernel-ring.ts';
import { markBook, type MarkableDisk, type MarkBook, type MarkError } from './mark-book.ts';
import { traceRing, type TraceRing } from './trace-ring.ts';

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

/** What tracking needs of the guest it is in. */
export interface TrackerOptions {
  readonly clock: Clock;
  /** The whole disks there are at the moment of asking. */
  readonly listDisks: () => Promise<readonly WholeDisk[]>;
  /** The error is a sentence: why writes cannot be tracked in this guest. */
  readonly tracing: Result<KernelTracing, string>;
  /** Milliseconds between two looks into the buffers, at most. */
  readonly lookEveryMs?: number;
}

const lookEveryDefault = 250;
// A buffer that was this full at a look is looked at sooner the next time.
const fullness = { busy: 1 / 8, quiet: 1 / 64 };
const lookSoonestMs = 10;

interface State {
  readonly options: TrackerOptions;
  readonly book: MarkBook;
  ring: TraceRing | undefined;
  /** The disks the ring records, as text: to see whether it must be told anew. */
  ringDisks: string;
  /** What the counters said when marks were last known to be whole. */
  lost: number;
  /** Ends the looks that are under way. */
  looking: AbortController | undefined;
  lookMs: number;
}

/** A tracker of this guest; it records nothing yet. */
export function trackerOver(options: TrackerOptions): Tracker {
  const { tracing } = options;
  const state: State = {
    options,
    book: markBook(),
    ring: undefined,
    ringDisks: '',
    lost: 0,
    looking: undefined,
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

async function lookAtDisks({ options: { listDisks, tracing } }: State): Promise<readonly TrackedDisk[]> {
  const found = await listDisks();
  return found.map((disk) => {
    const why = tracing.ok ? whyNot(disk) : tracing.error;
    return { tracking: why === undefined ? { possible: true } : { possible: false, why }, ...disk };
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
  const { tracing, clock } = state.options;
  const devs = disks.filter(({ trackable }) => trackable).map(({ dev }) => dev);
  if (devs.length === 0 || !tracing.ok) return ok(undefined);
  const wanted = devs.join(' ');
  // What was dropped so far is no matter to a mark that is not begun yet. But a record that somebody has turned off would
  // lose it at once: its marks are lost, and it is begun anew.
  if (state.ring !== undefined && !(await catchUp(state))) stop(state);
  if (state.ring === undefined) {
    const opened = tracing.value.open(devs);
    if (!opened.ok) return opened;
    const ring = traceRing(opened.value, clock);
    state.ring = ring;
    state.lost = 0;
    void keepLooking(state, ring);
  } else if (state.ringDisks !== wanted) {
    const told = state.ring.setDisks(devs);
    if (!told.ok) return told;
  }
  state.ringDisks = wanted;
  return ok(undefined);
}

/**
 * Takes in all that was completed before the call, and loses what records if the kernel cannot vouch for all of it. False
 * if it cannot vouch for what comes either.
 */
async function catchUp(state: State): Promise<boolean> {
  const { ring, book } = state;
  if (ring === undefined) return true;
  const drained = await ring.drain(book.note);
  if (!drained.ok) book.loseRecording(drained.error);
  // The proof: whatever the kernel dropped, it counted. Asked after reading, so that nothing falls between the two.
  const counters = ring.counters();
  if (!counters.ok) book.loseRecording(counters.error);
  if (!counters.ok) return false;
  const { lost } = counters.value;
  if (lost > state.lost) book.loseRecording(`${lost - state.lost} completed requests were not recorded`);
  state.lost = lost;
  return drained.ok;
}

/** Empties the buffers now and then, so that they never fill up, until the ring is closed. */
async function keepLooking(state: State, ring: TraceRing): Promise<void> {
  const { clock, lookEveryMs = lookEveryDefault } = state.options;
  const looking = new AbortController();
  state.looking = looking;
  for (;;) {
    await clock.wait(millis(state.lookMs), looking.signal);
    if (looking.signal.aborted) return;
    try {
      const full = ring.read(state.book.note);
      if (full > fullness.busy) state.lookMs = Math.max(lookSoonestMs, Math.round(state.lookMs / 2));
      else if (full < fullness.quiet) state.lookMs = Math.min(lookEveryMs, state.lookMs * 2);
    } catch (cause) {
      state.book.loseRecording(`the records could not be read: ${String(cause)}`);
    }
  }
}

/** After the last mark that records, nothing is left to record. */
function settle(state: State, work: () => void): void {
  work();
  if (!state.book.records) stop(state);
}

function stop(state: State): void {
  state.looking?.abort();
  state.looking = undefined;
  state.ring?.close();
  state.ring = undefined;
  state.ringDisks = '';
}
