import { InvariantError } from '#core/invariant';
import { compileChart, type ChartSnapshot } from '#core/statechart/compiled-chart';
import { inState } from '#core/statechart/state-test';
import type { Instant } from '#core/units';
import { copyOfContext } from './chart.ts';
import type { Effect, EffectType, TimerName } from './effects.ts';
import type { MigrationFact } from './facts.ts';
import { migrationMachine } from './machine.ts';

type Snapshot = ChartSnapshot<typeof migrationMachine>;

const chart = compileChart(migrationMachine, copyOfContext);

/** How far a piece of outstanding work is. */
export type Standing =
  /** Nobody was asked yet. */
  | 'due'
  /** The world was asked, and no answer is in the log. */
  | 'requested'
  /** The answer was lost: the world has to be asked what it did. */
  | 'unknown'
  /** The world cannot tell: a person has to. */
  | 'undecidable'
  /** A person said it was done: its outcome is assumed, and logged as such. */
  | 'vouched';

/** One effect that has no outcome yet. */
export interface Work<E = Effect> {
  /** `stream@revision/index`: the fact that asked for it, and its place among what that fact asked. */
  readonly key: string;
  readonly effect: E;
  readonly standing: Standing;
  /** When the fact that asked for it happened. A timer runs from here. */
  readonly since: Instant;
}

/** A migration folded from its facts. The only memory there is: a restarted driver needs nothing else. */
export interface MigrationState {
  readonly snapshot: Snapshot;
  /** Facts folded so far; the revision of the next one. */
  readonly count: number;
  /** Cutovers started so far: whoever tries again has to know which try this is. */
  readonly cutovers: number;
  readonly work: readonly Work[];
}

/** Where and when a fact stands. The fold needs no more of the envelope. */
export interface FactPlace {
  readonly stream: string;
  readonly time: Instant;
}

/** The state before the first fact. */
export const initialMigration = (): MigrationState => ({
  snapshot: chart.initial,
  count: 0,
  cutovers: 0,
  work: [],
});

/** Whether the chart can take this fact now. */
export const canTake = (state: MigrationState, fact: MigrationFact): boolean => chart.can(state.snapshot, fact);

/**
 * Folds one fact in. XState would ignore a fact it has no transition for; in a log that is a corrupt log, so this
 * throws an `InvariantError`.
 */
export function evolve(state: MigrationState, fact: MigrationFact, place: FactPlace): MigrationState {
  const step = chart.step(state.snapshot, fact);
  if (!step) throw new InvariantError(`${fact.type} cannot follow in state ${JSON.stringify(state.snapshot.value)}`);
  const { snapshot, effects } = step;
  const asked = effects.map(({ type, params }, index): Work => ({
    key: `${place.stream}@${state.count}/${index}`,
    effect: { type, params: params ?? {} } as Effect,
    standing: 'due',
    since: place.time,
  }));
  const cutovers = fact.type === 'CutoverStarted' ? state.cutovers + 1 : state.cutovers;
  return { snapshot, count: state.count + 1, cutovers, work: workAfter(state.work, snapshot, fact, asked) };
}

/** What was outstanding and still is, and what was asked for just now. */
function workAfter(
  before: readonly Work[],
  snapshot: Snapshot,
  fact: MigrationFact,
  asked: readonly Work[],
): readonly Work[] {
  if (before.length === 0) return asked;
  const slots = asked.map(({ effect }) => slotOf(effect));
  const kept = before
    .filter(({ effect }) => !slots.includes(slotOf(effect)) && isDue(snapshot, effect))
    .map((work) => settle(work, fact));
  return asked.length === 0 ? kept : [...kept, ...asked];
}

/** Folds a whole stream, or any prefix of one. */
export function foldMigration(
  facts: Iterable<{ readonly fact: MigrationFact; readonly place: FactPlace }>,
  from: MigrationState = initialMigration(),
): MigrationState {
  let state = from;
  for (const { fact, place } of facts) state = evolve(state, fact, place);
  return state;
}

function settle(work: Work, fact: MigrationFact): Work {
  if (!('key' in fact.data) || fact.data.key !== work.key) return work;
  switch (fact.type) {
    case 'EffectRequested':
      return standingAs(work, 'requested');
    case 'OutcomeUnknown':
      return standingAs(work, 'unknown');
    case 'OutcomeUndecidable':
      return standingAs(work, 'undecidable');
    case 'OutcomeDecided':
      return standingAs(work, fact.data.outcome === 'done' ? 'vouched' : 'due');
    case 'OutcomeReconciled':
      // Found done: its outcome fact follows in the same append. Until then it is as if just requested.
      return standingAs(work, fact.data.found === 'done' ? 'requested' : 'due');
    default:
      return work;
  }
}

const standingAs = ({ key, effect, since }: Work, standing: Standing): Work => ({ key, effect, standing, since });

// Work is replaced by newer work of the same kind: a second refresh timer, the next round.
const slotOf = (effect: Effect): string =>
  effect.type === 'armTimer' ? `armTimer:${effect.params.timer}` : effect.type;

type Wanted<T extends EffectType> = (snapshot: Snapshot, effect: Extract<Effect, { type: T }>) => boolean;
const cutover = (step: string): ((snapshot: Snapshot) => boolean) => inState({ lifecycle: { cuttingOver: step } });
const round = (...states: readonly unknown[]) => {
  const tests = states.map((state) => inState<typeof migrationMachine>(state));
  return (snapshot: Snapshot, effect: { params: { round: number } }): boolean =>
    effect.params.round === snapshot.context.round && tests.some((test) => test(snapshot));
};
const whileTimer: { readonly [T in TimerName]: readonly ((snapshot: Snapshot) => boolean)[] } = {
  refresh: [inState({ replication: { parked: 'resting' } })],
  retry: [inState({ replication: { stalled: 'retrying' } }), inState({ replication: 'disconnected' })],
  quiesce: [cutover('quiescing')],
  release: [inState({ lifecycle: { cancelling: 'waiting' } }), inState({ lifecycle: { finalizing: 'waiting' } })],
};

/**
 * The states in which each effect is wanted. Work whose state has been left is not outstanding any more: so what is due
 * follows from folded state alone.
 */
const dueWhile: { readonly [T in EffectType]: Wanted<T> } = {
  verifySource: inState({ lifecycle: 'verifying' }),
  initiateReplication: inState({ replication: 'initiating' }),
  runFullSync: round({ replication: 'fullSync' }),
  runDeltaSync: round({ replication: 'deltaSync' }, { replication: { parked: 'refreshing' } }),
  runRescan: round({ replication: 'rescan' }),
  launchTest: inState({ lifecycle: { testing: 'launching' } }),
  cleanUpTest: inState({ lifecycle: { testing: 'cleaningUp' } }),
  quiesceSource: cutover('quiescing'),
  runFinalSync: round({ lifecycle: { cuttingOver: 'finalSync' } }),
  fenceSource: cutover('fencing'),
  fixUpReplica: cutover('fixingUp'),
  launchTarget: cutover('launching'),
  connectTarget: cutover('connecting'),
  validateTarget: cutover('validating'),
  rollBack: inState({ lifecycle: 'rollingBack' }),
  releaseSource: inState({ lifecycle: { cancelling: 'releasing' } }),
  retireSource: inState({ lifecycle: { finalizing: 'retiring' } }),
  armTimer: (s, { params: { timer } }) => whileTimer[timer].some((test) => test(s)),
};

function isDue(snapshot: Snapshot, effect: Effect): boolean {
  const wanted = dueWhile[effect.type] as Wanted<EffectType>;
  return wanted(snapshot, effect as never);
}
