import { and, assign, or, setup, stateIn } from 'xstate';
import type { EffectParams, EffectType, SideEffectType, TimerName } from '#core/migration/effects';
import type { MigrationFact, RoundReport } from '#core/migration/facts';
import { backoff, forecastFinalSync } from '#core/migration/forecast';
import type { MigrationPlan } from '#core/migration/plan';
import { invariant, InvariantError } from '#core/invariant';
import {
  bytes,
  bytesPerSecond,
  millis,
  round,
  type Bytes,
  type BytesPerSecond,
  type Millis,
  type Round,
} from '#core/units';

/** What decisions need to know of the past. Measurements for people are projections (`progress.ts`). */
export interface MigrationContext {
  readonly plan: MigrationPlan | null;
  /** The round that runs, or the next one to run. */
  readonly round: Round;
  /** What the last round left dirty, and how fast it went. */
  readonly dirty: Bytes;
  readonly rate: BytesPerSecond;
  /** Delta rounds in a row that did not fit the budget. */
  readonly roundsOverBudget: number;
  /** Tries of the present phase that failed, since the last one that did not. */
  readonly attempts: number;
  /** The phase that paused, stalled and disconnected go back to. */
  readonly interrupted: Phase;
  readonly approvedBy: string | null;
  readonly test: 'none' | 'passed' | 'failed';
  readonly trackingLost: boolean;
  readonly quiesceForced: boolean;
  readonly unsettled: { readonly key: string; readonly effect: SideEffectType } | null;
}

/** A phase of replication that can be interrupted and taken up again. */
export type Phase = 'initiating' | 'fullSync' | 'deltaSync' | 'rescan';

const nothing: MigrationContext = {
  plan: null,
  round: round(0),
  dirty: bytes(0),
  rate: bytesPerSecond(0),
  roundsOverBudget: 0,
  attempts: 0,
  interrupted: 'initiating',
  approvedBy: null,
  test: 'none',
  trackingLost: false,
  quiesceForced: false,
  unsettled: null,
};

/** The context of a migration of which nothing is known. */
export const initialContext = (): MigrationContext => nothing;

/**
 * A copy of a context. Member by member: in Node 20 what is spread is unlike every other object, and from the fifth kind
 * of it on each copy is made by the slowest way there is. A chart copies its context for every other fact.
 */
export const copyOfContext = (context: MigrationContext): MigrationContext => ({
  plan: context.plan,
  round: context.round,
  dirty: context.dirty,
  rate: context.rate,
  roundsOverBudget: context.roundsOverBudget,
  attempts: context.attempts,
  interrupted: context.interrupted,
  approvedBy: context.approvedBy,
  test: context.test,
  trackingLost: context.trackingLost,
  quiesceForced: context.quiesceForced,
  unsettled: context.unsettled,
});

/** The plan of a drafted migration. */
export function planOf(context: MigrationContext): MigrationPlan {
  invariant(context.plan, 'every state after undrafted has a plan');
  return context.plan;
}

type EffectAction<T extends EffectType> = keyof EffectParams<T> extends never
  ? (_args: unknown) => void
  : (_args: unknown, params: EffectParams<T>) => void;
// One empty body per effect: they are called nowhere. A forgotten effect, or a wrong parameter, does not compile.
const effect = (): void => undefined;
const effectActions = {
  verifySource: effect,
  initiateReplication: effect,
  runFullSync: effect,
  runDeltaSync: effect,
  runRescan: effect,
  launchTest: effect,
  cleanUpTest: effect,
  quiesceSource: effect,
  runFinalSync: effect,
  fenceSource: effect,
  fixUpReplica: effect,
  launchTarget: effect,
  connectTarget: effect,
  validateTarget: effect,
  rollBack: effect,
  releaseSource: effect,
  retireSource: effect,
  armTimer: effect,
} as const satisfies { readonly [T in EffectType]: EffectAction<T> } as { readonly [T in EffectType]: EffectAction<T> };

/** Whether the final sync would fit the budget if the source stopped now. */
export const fitsDowntime = (plan: MigrationPlan, report: Pick<RoundReport, 'dirty' | 'rate'>): boolean =>
  forecastFinalSync(report.dirty, report.rate) <= plan.downtimeMax;

/** How long the present timer of a state waits. */
export const timerWait = (context: MigrationContext, timer: TimerName): Millis => {
  switch (timer) {
    case 'refresh':
      return planOf(context).refreshEvery;
    case 'quiesce':
      return planOf(context).quiesce.timeout;
    case 'retry':
    case 'release':
      return backoff(context.attempts);
  }
};

const factOf = <T extends MigrationFact['type']>(
  event: MigrationFact,
  type: T,
): Extract<MigrationFact, { type: T }> => {
  // The message is put together only where it is needed: this runs for most facts there are.
  if (event.type !== type) throw new InvariantError(`expected ${type}, got ${event.type}`);
  return event as Extract<MigrationFact, { type: T }>;
};

/** The vocabulary of the chart: what it knows, what it asks, what it may decide on. */
export const chart = setup({
  types: { context: {} as MigrationContext, events: {} as MigrationFact, tags: '' as MigrationTag },
  actions: {
    ...effectActions,
    takePlan: assign(({ event }) => ({ plan: factOf(event, 'MigrationDrafted').data.plan })),
    beginRounds: assign(() => ({ round: round(0), attempts: 0 })),
    countRound: assign(({ context, event }) => {
      const report = (event as Extract<MigrationFact, { type: 'RoundCompleted' | 'FinalSyncCompleted' }>).data;
      const fits = fitsDowntime(planOf(context), report);
      return {
        round: round(report.round + 1),
        dirty: report.dirty,
        // A round with nothing to send measures no link: the last real figure stands.
        rate: report.sent > 0 ? report.rate : context.rate,
        roundsOverBudget: fits || report.kind !== 'delta' ? 0 : context.roundsOverBudget + 1,
        attempts: 0,
        trackingLost: false,
      };
    }),
    interrupt: assign((_args, params: { phase: Phase }) => ({ interrupted: params.phase })),
    countAttempt: assign(({ context }) => ({ attempts: context.attempts + 1 })),
    resetAttempts: assign(() => ({ attempts: 0 })),
    loseTracking: assign(({ event }) => ({
      trackingLost: event.type === 'FinalSyncFailed' ? event.data.trackingLost : true,
    })),
    approve: assign(({ event }) => ({ approvedBy: factOf(event, 'CutoverApproved').data.by })),
    withdrawApproval: assign(() => ({ approvedBy: null, quiesceForced: false })),
    forceQuiesce: assign(() => ({ quiesceForced: true })),
    judgeTest: assign(({ event }) => ({ test: factOf(event, 'TestJudged').data.verdict })),
    failTest: assign(() => ({ test: 'failed' as const })),
    loseCertainty: assign(({ event }) => {
      const { key, effect: type } = factOf(event, 'OutcomeUnknown').data;
      return { unsettled: { key, effect: type } };
    }),
    regainCertainty: assign(() => ({ unsettled: null })),
    // Facts that decide nothing still have to be facts the chart can take: it names them, and nothing else moves.
    note: assign(() => ({})),
  },
  guards: {
    sameRound: ({ context, event }) => 'round' in event.data && event.data.round === context.round,
    fitsDowntime: ({ context, event }) =>
      event.type === 'RoundCompleted' &&
      event.data.round === context.round &&
      fitsDowntime(planOf(context), event.data),
    timerIs: ({ event }, params: { timer: TimerName }) =>
      event.type === 'DeadlinePassed' && event.data.timer === params.timer,
    quiesceDeadline: ({ context, event }) =>
      event.type === 'DeadlinePassed' && event.data.timer === 'quiesce' && context.unsettled === null,
    wasIn: ({ context }, params: { phase: Phase }) => context.interrupted === params.phase,
    retryDue: ({ context, event }, params: { phase: Phase }) =>
      event.type === 'DeadlinePassed' && event.data.timer === 'retry' && context.interrupted === params.phase,
    mayForceQuiesce: ({ context }) => planOf(context).quiesce.onRefusal === 'force' && !context.quiesceForced,
    mayForceQuiesceAfterDeadline: ({ context, event }) =>
      event.type === 'DeadlinePassed' &&
      event.data.timer === 'quiesce' &&
      context.unsettled === null &&
      planOf(context).quiesce.onRefusal === 'force' &&
      !context.quiesceForced,
    launchesTarget: ({ context, event }) => event.type === 'SourceFenced' && planOf(context).handOver === 'launch',
    asksOnFailure: ({ context }) =>
      planOf(context).handOver === 'launch' && planOf(context).onValidationFailure === 'ask',
    hasBegun: ({ context }) => context.interrupted !== 'initiating',
    mayHelpToWait: ({ event }) => event.type === 'ReplicationStalled' && event.data.retryable,
    settles: ({ context, event }) =>
      (event.type === 'OutcomeReconciled' || event.type === 'OutcomeUndecidable' || event.type === 'OutcomeDecided') &&
      context.unsettled?.key === event.data.key,
    // A fact that moves both axes is taken by both or by neither: the replication side asks where the lifecycle is.
    mayProtect: stateIn({ lifecycle: 'ready' }),
    mayStartCutover: or([stateIn({ lifecycle: 'protected' }), stateIn({ lifecycle: 'rolledBack' })]),
    mayCancel: or([
      ...['draft', 'verifying', 'blocked', 'ready', 'protected', 'rolledBack', 'failed'].map((state) =>
        stateIn({ lifecycle: state }),
      ),
      stateIn({ lifecycle: { cuttingOver: 'approved' } }),
    ]),
    mayFinalize: stateIn({ lifecycle: 'cutOver' }),
    isRollingBack: stateIn({ lifecycle: 'rollingBack' }),
    rollsBackWithoutTracking: and([stateIn({ lifecycle: 'rollingBack' }), ({ context }) => context.trackingLost]),
    isParked: stateIn({ replication: { parked: 'resting' } }),
    sourceIsTaken: stateIn({ lifecycle: { cuttingOver: 'quiescing' } }),
  },
});

/** What a state means for questions asked of many states at once. */
export type MigrationTag =
  /** Services at the source are stopped, or may be: downtime runs. */
  | 'sourceDown'
  /** The target runs connected: going back loses what was written there. */
  | 'targetMayHaveWrites'
  /** The way back has been given up. */
  | 'pastPointOfNoReturn'
  /** Nothing follows. */
  | 'ended'
  /** A person has to decide. */
  | 'asksOperator';

/** The deadline action of a state, with its wait taken from the plan or the number of tries. */
export const armTimer = (timer: TimerName) => ({
  type: 'armTimer' as const,
  params: ({ context }: { context: MigrationContext }) => ({ timer, wait: millis(timerWait(context, timer)) }),
});
