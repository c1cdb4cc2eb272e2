import type { AppendNow } from '#core/driver/step-driver';
import type {
  AppendError,
  EventLog,
  ExpectedRevision,
  ProposedFact,
  Revision,
  StreamId,
} from '#core/event-log/event-log';
import { position, revision } from '#core/event-log/event-log';
import { err, ok } from '#core/result';
import { besideSimulation } from '#simulator/kernel/sealed-globals';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';

/**
 * The log of a rehearsal: it answers at once, so that simulated time costs nothing, and hands the facts on to the log in
 * which they are to be kept, in the same order. Nobody takes a rehearsal up again, so nothing is lost if that one is a
 * few thousand facts behind; when it is further behind than that, time stands still until it has caught up.
 */
export interface RehearsalLog {
  readonly append: AppendNow;
  /** The same for one stream, which is looked up once and not at each append. */
  appendTo(stream: StreamId): AppendNow;
  /** How many facts there are, of all streams. */
  readonly facts: number;
  /** Resolves when everything so far is where it is to be kept, or with what that log said instead. */
  written(): Promise<AppendError | undefined>;
}

// A few group commits of a log on disk.
const behindMax = 4_096;

const conflict = (stream: StreamId, expected: ExpectedRevision, end: number): AppendError => ({
  type: 'RevisionConflict',
  stream,
  expected,
  actual: end < 0 ? 'none' : (end as Revision),
});

/** A rehearsal's log. Without a `keep` nothing is kept but where each stream ends. `onRefused` is called at most once. */
export function rehearsalLog(
  keep: Pick<EventLog, 'append'> | undefined,
  clock: Pick<SimulatedClock, 'hold' | 'askForTurn'>,
  onRefused: (error: AppendError) => void,
  /** The last revision of each stream that is there already. */
  standing: Iterable<readonly [stream: StreamId, last: number]> = [],
): RehearsalLog {
  // Each in a place of its own, so that it is looked up once for each append.
  const ends = new Map<StreamId, { last: number }>();
  const endOf = (stream: StreamId): { last: number } => {
    const known = ends.get(stream);
    if (known) return known;
    const fresh = { last: -1 };
    ends.set(stream, fresh);
    return fresh;
  };
  for (const [stream, at] of standing) endOf(stream).last = at;
  let facts = 0;
  let behind = 0;
  let refused: AppendError | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let isHeld = false;

  const kept = (count: number, error: AppendError | undefined): void => {
    behind -= count;
    if (error === undefined || refused !== undefined) return;
    refused = error;
    onRefused(error);
  };
  const holdIfBehind = (): void => {
    if (behind < behindMax || isHeld) return;
    isHeld = true;
    void clock.hold(last.finally(() => (isHeld = false)));
  };
  const appendAt = (
    place: { last: number },
    stream: StreamId,
    batch: readonly ProposedFact[],
    expected: ExpectedRevision,
  ): ReturnType<AppendNow> => {
    if (refused !== undefined) return err(refused);
    const end = place.last;
    const before = expected === 'none' ? -1 : expected;
    if (before !== 'any' && before !== end) return err(conflict(stream, expected, end));
    place.last = end + batch.length;
    facts += batch.length;
    if (keep) {
      behind += batch.length;
      last = besideSimulation(() => keep.append(stream, batch, expected)).then((result) => {
        kept(batch.length, result.ok ? undefined : result.error);
      });
      holdIfBehind();
    }
    return ok({ revision: revision(place.last), position: position(facts) });
  };
  return {
    append: (stream, batch, expected) => appendAt(endOf(stream), stream, batch, expected),
    appendTo(own) {
      const place = endOf(own);
      return (stream, batch, expected) => appendAt(place, stream, batch, expected);
    },
    get facts() {
      return facts;
    },
    async written() {
      await last;
      return refused;
    },
  };
}
