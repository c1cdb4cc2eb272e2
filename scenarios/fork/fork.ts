import { canonicalJson } from '#core/event-log/canonical-json';
import type { EventLog, ProposedFact, RecordedFact, StreamId } from '#core/event-log/event-log';
import { err, ok, type Result } from '#core/result';
import type { Instant } from '#core/units';
import { estateOf } from '#scenarios/rehearsal-plan';
import type { RehearsalScenario } from '#scenarios/rehearsal-scenario';
import type { RehearsalSummary } from '#scenarios/rehearsal-summary';
import { startRehearsal, type Rehearsal, type RehearsalError } from '#scenarios/run';
import { seededRng } from '#simulator/kernel/seeded-rng';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';

/** What a fork is made of. */
export interface ForkOptions {
  readonly scenario: RehearsalScenario;
  /** The same with another estate: other links, hosts and appliances, the same VMs. */
  readonly changed: RehearsalScenario;
  readonly seed: number;
  /** The facts of the log that come before the fork, in order: what happens again has to be them. */
  readonly before: readonly RecordedFact[];
  readonly clock: SimulatedClock;
  readonly log?: EventLog | undefined;
  readonly signal?: AbortSignal;
}

/** What came of it, and when the world became another. */
export interface Fork {
  readonly summary: RehearsalSummary;
  readonly forkedAt: Instant;
}

/** Why there is no fork. */
export type ForkError =
  | RehearsalError
  /** What happens now is not what happened then: the log was commanded by hand, or another release wrote it. */
  | {
      readonly type: 'HappenedOtherwise';
      /** How manieth fact, from 1. */
      readonly fact: number;
      readonly was: string;
      readonly is: string;
    };

/**
 * Has a rehearsal happen again up to a moment, fact by fact the same, and then goes on in a world that has become another.
 * What was under way at that moment goes on under the new conditions.
 */
export async function fork(options: ForkOptions): Promise<Result<Fork, ForkError>> {
  const { scenario, changed, seed, before, clock, log, signal } = options;
  const estate = estateOf(changed, seededRng(seed).fork('estate'));
  let happened = 0;
  let forkedAt = clock.now();
  let rehearsal: Rehearsal | undefined;
  let otherwise: ForkError | undefined;
  const become = (): void => {
    forkedAt = clock.now();
    rehearsal?.world.become(estate);
  };
  const judge = (stream: StreamId, { type, data, metadata }: ProposedFact): void => {
    const then = before[happened];
    happened += 1;
    if (!then || otherwise) return;
    const same =
      then.stream === stream &&
      then.type === type &&
      then.metadata.time === metadata.time &&
      canonicalJson(then.data) === canonicalJson(data);
    if (!same) {
      otherwise = {
        type: 'HappenedOtherwise',
        fact: happened,
        was: `${then.type} of ${then.stream}`,
        is: `${type} of ${stream}`,
      };
      void rehearsal?.stop();
    } else if (happened === before.length) clock.schedule(clock.now(), become);
  };
  const started = await startRehearsal({
    ...{ scenario, seed, clock, log },
    ...(signal && { signal }),
    onFacts: (stream, facts) => {
      for (const fact of facts) judge(stream, fact);
    },
  });
  if (!started.ok) return started;
  rehearsal = started.value;
  if (happened >= before.length) become();
  const summary = await rehearsal.ended;
  if (otherwise) return err(otherwise);
  return ok({ summary, forkedAt });
}
