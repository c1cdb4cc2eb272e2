import { setImmediate } from 'node:timers/promises';
import type { EventLog, Position, RecordedFact } from '#core/event-log/event-log';
import { LogReadError } from '#core/event-log/event-log';
import { fleetFold, type FleetView } from '#core/fleet/fleet-view';
import type { FactId } from '#core/ids';
import type { Instant } from '#core/units';

/** Where the run that is shown comes from. */
export interface RunDescription {
  /** `live`: facts are still being added and commands are carried out. `replay`: a recording, looked at. */
  readonly mode: 'live' | 'replay';
  /** What a person calls it: a file name, a scenario. No secrets: it is shown. */
  readonly source: string;
  /** Seconds of the run per second of the wall: 60 for a rehearsal shown at 60 x, 1 for real time. */
  readonly speed: number;
  /** The present moment of the run's own clock. A replay has none: there the last fact is the present. */
  readonly now?: () => Instant;
}

/** What has been read of the log so far. */
export interface RunExtent {
  readonly facts: number;
  /** The id of the first fact: it tells one log from another. Null for an empty log. */
  readonly identity: FactId | null;
  /** The first and the last moment, and where the last fact stands; null for an empty log. */
  readonly span: { readonly from: Instant; readonly to: Instant } | null;
  readonly head: Position | null;
}

/** A run as its log tells it, folded as facts come. */
export interface RunView {
  readonly description: RunDescription;
  readonly fleet: FleetView;
  extent(): RunExtent;
  /** The present moment of the run: its clock, or in a replay its last fact. Null for an empty recording. */
  now(): Instant | null;
  /** Why reading stopped, if it did; what was read stays. */
  fault(): string | null;
  /** Resolves once everything that was in the log at the start has been folded (or could not be). */
  readonly caughtUp: Promise<void>;
  /** Lets go of the log. */
  close(): Promise<void>;
}

const yieldEvery = 500;

/**
 * Follows a log from its start and keeps one folded state per stream, and no facts: memory grows with the fleet and not
 * with the log.
 */
export function runView(log: Pick<EventLog, 'readAll' | 'subscribe'>, description: RunDescription): RunView {
  const fleet = fleetFold();
  const stopping = new AbortController();
  let extent: RunExtent = { facts: 0, identity: null, span: null, head: null };
  let fault: string | null = null;

  const take = (fact: RecordedFact): void => {
    fleet.add(fact);
    const { time } = fact.metadata;
    const span = extent.span ?? { from: time, to: time };
    extent = {
      facts: extent.facts + 1,
      identity: extent.identity ?? fact.id,
      span: { from: earlier(span.from, time), to: later(span.to, time) },
      head: fact.position,
    };
  };

  const readBacklog = async (): Promise<void> => {
    for await (const fact of log.readAll()) {
      // A log that answers at once would keep everyone else waiting until the last of a million facts.
      if (extent.facts % yieldEvery === 0) await setImmediate();
      if (stopping.signal.aborted) return;
      take(fact);
    }
  };
  const followOn = async (): Promise<void> => {
    const after = extent.head;
    for await (const fact of log.subscribe({ ...(after === null ? {} : { after }), signal: stopping.signal }))
      take(fact);
  };
  const note = (error: unknown): void => {
    if (!(error instanceof LogReadError)) throw error;
    // A log that was closed under us has ended; what was read of it is what there is.
    if (!stopping.signal.aborted) fault = error.message;
  };
  const caughtUp = readBacklog().catch(note);
  const followed = caughtUp.then(() => (fault === null ? followOn().catch(note) : undefined));

  return {
    description,
    fleet,
    extent: () => extent,
    now: () => description.now?.() ?? extent.span?.to ?? null,
    fault: () => fault,
    caughtUp,
    close: async () => {
      stopping.abort();
      await followed;
    },
  };
}

const earlier = (a: Instant, b: Instant): Instant => (a < b ? a : b);
const later = (a: Instant, b: Instant): Instant => (a > b ? a : b);
