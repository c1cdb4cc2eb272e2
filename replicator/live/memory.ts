import { revision, type EventLog, type StreamId } from '#core/event-log/event-log';
import { invariant } from '#core/invariant';
import type {
  GuestShape,
  MigrationFact,
  MigrationFactOf,
  Reason,
  RoundProgress,
  RoundReport,
} from '#core/migration/facts';
import type { Millis, Round } from '#core/units';

/**
 * What the live world must know of a migration's past. It keeps none of it itself: a world that died is replaced by one
 * that reads the same log, and so knows the same.
 */
export interface Memory {
  /** The id of the migration's first fact: no other migration has it, also not an earlier one of the same name. */
  readonly firstFact: string;
  /** How often what was known of written blocks became worthless. Each time numbers a new line of rounds. */
  readonly losses: number;
  /** How the cutover that runs, or ran last, found the source. */
  readonly found: FoundState;
  /** Whether the cutover that runs, or ran last, has begun to take the source off its networks. */
  readonly fenceBegun: boolean;
  /** The round of the last final sync, if there was one. */
  readonly finalRound: Round | null;
  /** How long the last round took that wrote to the replica; null if there was none, or it was taken up half-way. */
  readonly lastRoundTook: Millis | null;
  /** How far the round that runs was said to be, by whoever ran it: a process that takes it up again says no less. */
  readonly progress: Pick<RoundProgress, 'round' | 'done'> | null;
  /** Whether a test launch has been judged, however. */
  readonly tested: boolean;
  /** What the guest was like when it was looked at last; null if nobody looked. */
  readonly guest: GuestShape | null;
}

/** What a source was doing before it was quiesced. */
export type FoundState = MigrationFactOf<'SourceQuiesced'>['data']['found'];

const blank: Memory = {
  firstFact: '',
  losses: 0,
  found: 'unknown',
  fenceBegun: false,
  finalRound: null,
  lastRoundTook: null,
  progress: null,
  tested: false,
  guest: null,
};

/** Folds one fact into what is remembered. */
export function remember(memory: Memory, fact: MigrationFact): Memory {
  switch (fact.type) {
    case 'TrackingLost':
    case 'RescanRequested':
      return { ...memory, losses: memory.losses + 1, progress: null };
    case 'FinalSyncFailed': {
      const now = foundAgain(memory, fact);
      return fact.data.trackingLost ? { ...now, losses: now.losses + 1, progress: null } : now;
    }
    case 'FencingFailed':
    case 'ConnectionFailed':
    case 'RollbackFailed':
      return foundAgain(memory, fact);
    case 'RoundProgressed':
      return { ...memory, progress: { round: fact.data.round, done: fact.data.done } };
    // What an earlier cutover found says nothing about this one.
    case 'CutoverStarted':
      return { ...memory, found: 'unknown', fenceBegun: false };
    case 'EffectRequested':
      return fact.data.effect === 'fenceSource' ? { ...memory, fenceBegun: true } : memory;
    case 'SourceQuiesced':
      return { ...memory, found: fact.data.found };
    case 'TestJudged':
      return { ...memory, tested: true };
    case 'GuestInspected':
      return { ...memory, guest: fact.data };
    case 'FinalSyncCompleted':
      return { ...memory, finalRound: fact.data.round, lastRoundTook: tookOf(fact.data), progress: null };
    case 'RoundCompleted':
      return { ...memory, lastRoundTook: tookOf(fact.data), progress: null };
    default:
      return memory;
  }
}

// Somebody else started a source that was at rest. Whoever takes the cutover back leaves it running.
const foundAgain = (memory: Memory, { data: { reason } }: { readonly data: { readonly reason: Reason } }): Memory =>
  reason.type === 'SourceRuns' ? { ...memory, found: 'running' } : memory;

// What was written before it broke was read from the source earlier than its report says.
const tookOf = ({ resumed, duration }: RoundReport): Millis | null => (resumed > 0 ? null : duration);

/** Reads what is to be remembered from the log, each fact once. */
export function memoryOf(log: Pick<EventLog, 'readStream'>, stream: StreamId): () => Promise<Memory> {
  let memory = blank;
  let next = 0;
  const readOn = async (): Promise<Memory> => {
    for await (const recorded of log.readStream(stream, { from: revision(next) })) {
      if (next === 0) memory = { ...memory, firstFact: recorded.id };
      memory = remember(memory, { type: recorded.type, data: recorded.data } as MigrationFact);
      next = recorded.revision + 1;
    }
    invariant(next > 0, `the world is asked for work that ${stream} has no fact about`);
    return memory;
  };
  // One reader at a time, or two would fold the same facts in twice.
  let last: Promise<unknown> = Promise.resolve();
  return () => {
    const reading = last.then(readOn, readOn);
    last = reading;
    return reading;
  };
}
