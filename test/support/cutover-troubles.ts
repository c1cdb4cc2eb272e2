import fc from 'fast-check';
import type { MigrationFactType } from '#core/migration/facts';
import type { SideEffectType } from '#core/migration/effects';
import { millis } from '#core/units';
import type { CallFate, LaunchFailure, OutsideCall } from './small-launch-state.ts';
import type { Operation } from './small-source.ts';

/*
 * What goes wrong in a walked cutover, and when. Any trouble may come at any moment; most are drawn for the moment at which
 * they do harm, or two thousand walks would meet with each of them once.
 */

/** When a trouble comes: once, the first time in a life that it is so far. */
export type Moment =
  | { readonly type: 'start' }
  | { readonly type: 'fact'; readonly fact: MigrationFactType }
  | { readonly type: 'effect'; readonly effect: SideEffectType }
  /** In a cutover: `disconnect asked`, `disconnect done`. */
  | { readonly type: 'step'; readonly step: string }
  /** The same while both sides are compared. */
  | { readonly type: 'rescanStep'; readonly step: string }
  | { readonly type: 'nth'; readonly at: number };

/** What people, clusters and machines do of themselves, in words that a story can be told with. */
export const happenings = {
  managerDies: 'the manager dies',
  connectionsBreak: 'every connection to the source breaks',
  operatorGoesBack: 'an operator asks for the rollback',
  operatorCancels: 'an operator cancels',
  operatorRescans: 'an operator doubts a replica, of which a block is wrong, and asks for a rescan',
  operatorInterrupts: 'whoever runs it presses Ctrl-C',
  sourceIsStarted: 'the cluster starts the source if it is off',
  sourceIsConnected: 'somebody starts the source and plugs it in',
  sourceIsUnplugged: 'somebody unplugs the source',
  sourceIsReset: 'somebody resets the source',
  sourceIsResumed: 'somebody brings the source back to service',
  sourceIsSwitchedOff: 'somebody switches the source off',
  sourceIsPaused: 'somebody pauses the source',
  sourceCrashes: 'the guest of the source crashes',
  hostWrites: 'something on the host writes to a disk of the source',
  replicaIsSpoiled: 'a block of a replica changes by itself',
  rootIsWrong: 'a replica is found to have another root than its source',
} as const;
/** The name of one. */
export type Happening = keyof typeof happenings;

/** How a call of the source's hypervisor or sentinel goes wrong. */
export type Break = 'lostBefore' | 'lostAfter' | 'refused';

/** What goes wrong. */
export type Mishap =
  | { readonly type: 'happens'; readonly what: Happening }
  | { readonly type: 'answers'; readonly call: OutsideCall; readonly fate: CallFate }
  | { readonly type: 'breaks'; readonly operation: Operation; readonly how: Break }
  | { readonly type: 'fails'; readonly step: LaunchFailure };

/** What goes wrong when. */
export interface Trouble {
  readonly when: Moment;
  readonly what: Mishap;
}

const start: Moment = { type: 'start' };
const facts = (...names: readonly MigrationFactType[]): readonly Moment[] =>
  names.map((fact) => ({ type: 'fact', fact }));
const effects = (...names: readonly SideEffectType[]): readonly Moment[] =>
  names.map((effect) => ({ type: 'effect', effect }));
const steps = (...names: readonly string[]): readonly Moment[] => names.map((step) => ({ type: 'step', step }));

const happens = (...names: readonly Happening[]): readonly Mishap[] => names.map((what) => ({ type: 'happens', what }));
const breaks = (...operations: readonly Operation[]): readonly Mishap[] =>
  operations.flatMap((operation) =>
    (['lostBefore', 'lostAfter', 'refused'] as const).map((how) => ({ type: 'breaks' as const, operation, how })),
  );
const answers = (...calls: readonly OutsideCall[]): readonly Mishap[] =>
  calls.flatMap((call) =>
    // Later than the calls around it, and not later than a whole way back.
    (['lostBefore', 'lostAfter', 'refused', { late: millis(3) }, { late: millis(25) }] as const).map((fate) => ({
      ...{ type: 'answers' as const, call, fate },
    })),
  );
const fails = (...names: readonly LaunchFailure[]): readonly Mishap[] =>
  names.map((step) => ({ type: 'fails' as const, step }));

const cutover = [
  ...facts('CutoverStarted', 'SourceQuiesced', 'FinalSyncCompleted', 'SourceFenced', 'ReplicaFixedUp'),
  ...facts('TargetLaunched', 'TargetConnected', 'TargetValidated'),
];
const atSource = [
  ...steps('agent power off asked', 'agent power off done', 'disconnect asked', 'disconnect done', 'power state done'),
  ...steps('inspect done', 'changes done', 'compare', 'set links asked', 'power off asked', 'pause asked'),
];

/** What goes together: each of these mishaps with each of these moments, and how often a row is drawn. */
const rows: readonly (readonly [number, readonly Mishap[], readonly Moment[]])[] = [
  [4, happens('sourceIsStarted', 'sourceIsConnected', 'sourceIsResumed', 'sourceIsReset'), [...cutover, ...atSource]],
  [
    3,
    happens('sourceIsStarted', 'sourceIsConnected', 'sourceIsResumed'),
    facts('TargetValidated', 'FinalizationRequested'),
  ],
  [
    2,
    happens('sourceIsReset', 'sourceIsStarted'),
    steps('agent power off asked', 'agent power off done', 'disconnect asked'),
  ],
  [2, happens('sourceIsSwitchedOff', 'sourceCrashes', 'sourceIsPaused'), facts('CutoverStarted', 'RoundCompleted')],
  [1, happens('sourceIsUnplugged', 'sourceIsReset', 'sourceCrashes', 'sourceIsSwitchedOff'), [...cutover, ...atSource]],
  [
    3,
    happens('sourceIsResumed', 'sourceIsConnected'),
    [...facts('FinalSyncCompleted', 'SourceFenced', 'TargetLaunched'), ...steps('compare')],
  ],
  [
    3,
    happens('hostWrites', 'replicaIsSpoiled'),
    [...facts('FinalSyncCompleted', 'SourceFenced'), ...steps('openDisk done', 'round complete')],
  ],
  [1, happens('hostWrites', 'replicaIsSpoiled'), [...cutover, ...atSource]],
  [2, happens('rootIsWrong', 'operatorRescans'), [start, ...facts('RoundCompleted', 'RolledBack', 'SourceQuiesced')]],
  [
    2,
    happens('operatorGoesBack', 'operatorInterrupts'),
    [...cutover, ...effects('fenceSource', 'launchTarget', 'rollBack')],
  ],
  [
    1,
    happens('operatorCancels'),
    [
      ...[start, ...facts('MigrationDrafted', 'VerificationRequested', 'VerificationPassed', 'VerificationFailed')],
      ...facts('RoundCompleted', 'CutoverStarted', 'RolledBack', 'RollbackFailed'),
    ],
  ],
  [1, happens('connectionsBreak'), [start, ...cutover, ...atSource]],
  [
    2,
    happens('managerDies'),
    [...cutover, ...atSource, ...effects('rollBack', 'cleanUpTest', 'retireSource', 'releaseSource')],
  ],
  [2, answers('power state'), effects('quiesceSource', 'fenceSource', 'connectTarget', 'rollBack', 'retireSource')],
  [2, answers('agent power off', 'power off', 'disconnect'), effects('fenceSource', 'retireSource')],
  [1, [{ type: 'answers', call: 'agent power off', fate: { late: millis(2_500) } }], [start]],
  [2, answers('reconnect', 'power on', 'remove'), effects('rollBack')],
  [
    2,
    answers('set links', 'launch', 'remove', 'find', 'console'),
    effects('connectTarget', 'launchTarget', 'launchTest', 'cleanUpTest'),
  ],
  [1, answers('annotate', 'uninstall'), effects('retireSource')],
  [2, breaks('inspect', 'pause'), effects('quiesceSource')],
  [
    2,
    breaks('inspect', 'changes', 'openDisk', 'closeDisks', 'advanceMark'),
    facts('RoundCompleted', 'SourceQuiesced', 'FinalSyncCompleted'),
  ],
  [1, breaks('inspect', 'resume', 'release', 'closeDisks'), effects('rollBack', 'releaseSource', 'retireSource')],
  [4, fails('powerOff', 'plan', 'refuse', 'apply', 'verify', 'close', 'validation', 'launch'), [start]],
  [2, fails('plan', 'refuse', 'apply', 'verify', 'close', 'launch', 'keep'), effects('launchTest', 'fixUpReplica')],
  [1, fails('uninstallAnswer', 'keep'), [start]],
];

const fitting = fc.oneof(
  ...rows.map(([weight, whats, whens]) => ({
    weight,
    arbitrary: fc.record<Trouble>({ what: fc.constantFrom(...whats), when: fc.constantFrom(...whens) }),
  })),
);
const anyHappening = fc.constantFrom(...(Object.keys(happenings) as Happening[]));
const atAnyStep = fc.record<Trouble>({
  what: anyHappening.map((what): Mishap => ({ type: 'happens', what })),
  // A cutover that launches has some two hundred steps, of which the first half is replication.
  when: fc.integer({ min: 1, max: 260 }).map((at): Moment => ({ type: 'nth', at })),
});

/** Any trouble. */
export const anyTrouble: fc.Arbitrary<Trouble> = fc.oneof(
  { weight: 4, arbitrary: fitting },
  { weight: 1, arbitrary: atAnyStep },
);

const onTheWayBack = fc.oneof(
  fc.record<Trouble>({
    what: fc.constantFrom(...answers('remove', 'reconnect', 'power on', 'power state'), ...breaks('resume')),
    when: fc.constantFrom(...effects('rollBack')),
  }),
  fc.record<Trouble>({
    what: fc.constantFrom(...happens('managerDies', 'operatorInterrupts', 'sourceIsStarted', 'connectionsBreak')),
    when: fc.constantFrom(
      ...steps('remove asked', 'remove done', 'drop overlay done', 'reconnect done', 'power on done'),
    ),
  }),
);
const goesWrong = fc.oneof(
  fc.record<Trouble>({ what: fc.constantFrom(...fails('launch', 'validation', 'apply')), when: fc.constant(start) }),
  fc.record<Trouble>({
    what: fc.constantFrom(...happens('operatorGoesBack')),
    when: fc.constantFrom(...facts('SourceFenced', 'TargetLaunched', 'TargetConnected', 'TargetValidated')),
  }),
);
/** A rescan that is interrupted, and another that is asked for because the replica is doubted. */
const doubts = fc.tuple(
  fc.constant<Trouble>({
    what: { type: 'happens', what: 'rootIsWrong' },
    when: { type: 'fact', fact: 'ProtectionStarted' },
  }),
  fc.record<Trouble>({
    what: fc.constantFrom(...happens('connectionsBreak')),
    when: fc
      .constantFrom('block 1 settled', 'block 2 settled', 'block 3 read')
      .map((step): Moment => ({ type: 'rescanStep', step })),
  }),
  fc.record<Trouble>({
    what: fc.constantFrom(...happens('operatorRescans')),
    when: fc.constantFrom(...facts('ReplicationDisconnected', 'ReplicationStalled', 'RoundCompleted')),
  }),
);

/** Troubles that come together, the later ones because of the first. */
export const anyStory: fc.Arbitrary<readonly Trouble[]> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(goesWrong, onTheWayBack) },
  { weight: 1, arbitrary: doubts },
);

/** A trouble as a sentence. */
export function sentenceOf({ when, what }: Trouble): string {
  const moment = momentWords(when);
  switch (what.type) {
    case 'happens':
      return `${moment} ${happenings[what.what]}`;
    case 'answers':
      return `${moment} the next call "${what.call}" ${fateWords(what.fate)}`;
    case 'breaks':
      return `${moment} the next call "${what.operation}" ${fateWords(what.how)}`;
    case 'fails':
      return `${moment} "${what.step}" begins to fail`;
  }
}

function momentWords(when: Moment): string {
  switch (when.type) {
    case 'start':
      return 'at the start';
    case 'fact':
      return `once ${when.fact} is in the log`;
    case 'effect':
      return `once ${when.effect} is asked for`;
    case 'step':
      return `at "${when.step}" of the cutover`;
    case 'rescanStep':
      return `at "${when.step}" of a rescan`;
    case 'nth':
      return `at step ${when.at}`;
  }
}

function fateWords(fate: CallFate): string {
  if (typeof fate === 'object') return `is carried out ${fate.late} ms late, its answer lost`;
  const words = { refused: 'is refused', lostBefore: 'never arrives', lostAfter: 'is carried out, its answer lost' };
  return words[fate];
}
