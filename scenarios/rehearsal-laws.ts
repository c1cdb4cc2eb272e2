import type { ProposedFact, StreamId } from '#core/event-log/event-log';
import { court, type Breach, type StreamMet } from '#core/laws/judge';
import type { Entry } from '#core/laws/law';
import { laws } from '#core/laws/laws';
import type { MigrationState } from '#core/migration/evolve';

/** The laws at work on a rehearsal, while it happens. */
export interface RehearsalCourt {
  /** Facts as they are appended, in their order. */
  take(stream: StreamId, facts: readonly ProposedFact[]): void;
  /** What was broken. `isOver`: nobody has anything left to do. Nothing may be taken afterwards. */
  breaches(isOver: boolean): readonly Breach[];
}

/** A stream as the court knows it, and the revision of its next fact. */
interface StreamEnd {
  readonly met: StreamMet;
  next: number;
}

// Each fact was folded by its own driver a moment ago, which would have said that it cannot be: L18 would only do so again.
const judged = laws.filter(({ id }) => id !== 'L18');

/** Judges a rehearsal. `state`: where a migration stands, as its driver has it. */
export function rehearsalCourt(state: (stream: StreamId) => MigrationState | undefined): RehearsalCourt {
  const sitting = court(judged, { state });
  // Each in a place of its own, so that it is looked up once for each append.
  const ends = new Map<StreamId, StreamEnd>();
  const endOf = (stream: StreamId): StreamEnd => {
    const known = ends.get(stream);
    if (known) return known;
    const fresh: StreamEnd = { met: sitting.streamOf(stream), next: 0 };
    ends.set(stream, fresh);
    return fresh;
  };
  const found: Breach[] = [];
  return {
    take: (stream, facts) => {
      const end = endOf(stream);
      for (const { type, data, metadata } of facts) {
        const { time, actor, schemaVersion } = metadata;
        const fact = { type, data } as Entry['fact'];
        const breaches = sitting.take({ stream, revision: end.next, fact, at: time, actor, schemaVersion }, end.met);
        for (const breach of breaches) found.push(breach);
        end.next += 1;
      }
    },
    breaches: (isOver) => {
      found.push(...sitting.end(isOver));
      return found;
    },
  };
}
