import type { Bytes, Millis, Round } from '#core/units';

/** Work the world must do next. Data only: a driver has it done and appends what came of it. */
export type Effect =
  | Readonly<{ type: 'verifySource'; params: Nothing }>
  | Readonly<{ type: 'initiateReplication'; params: Nothing }>
  | Readonly<{ type: 'runFullSync'; params: { round: Round } }>
  | Readonly<{ type: 'runDeltaSync'; params: { round: Round; dirty: Bytes } }>
  | Readonly<{ type: 'runRescan'; params: { round: Round } }>
  | Readonly<{ type: 'launchTest'; params: Nothing }>
  | Readonly<{ type: 'cleanUpTest'; params: Nothing }>
  | Readonly<{ type: 'quiesceSource'; params: { force: boolean } }>
  | Readonly<{ type: 'runFinalSync'; params: { round: Round; dirty: Bytes } }>
  | Readonly<{ type: 'fenceSource'; params: Nothing }>
  | Readonly<{ type: 'fixUpReplica'; params: Nothing }>
  | Readonly<{ type: 'launchTarget'; params: Nothing }>
  | Readonly<{ type: 'connectTarget'; params: Nothing }>
  | Readonly<{ type: 'validateTarget'; params: Nothing }>
  /** Stops and disconnects the target, then gives the source back as it was found. */
  | Readonly<{ type: 'rollBack'; params: Nothing }>
  /** Takes everything of ours off the source (marks, exports) and keeps the replica. */
  | Readonly<{ type: 'releaseSource'; params: Nothing }>
  /** Marks the source as retired: off, disconnected, annotated. Never deletes it. */
  | Readonly<{ type: 'retireSource'; params: Nothing }>
  | Readonly<{ type: 'armTimer'; params: { timer: TimerName; wait: Millis } }>;

/** The deadlines a migration waits for. */
export type TimerName = 'refresh' | 'retry' | 'quiesce' | 'release';

type Nothing = Record<never, never>;
/** The name of an effect. */
export type EffectType = Effect['type'];
/** The parameters of the effect of a given name. */
export type EffectParams<T extends EffectType> = Extract<Effect, { type: T }>['params'];

/**
 * How an effect touches the world. A `sideEffect` changes something outside that cannot be undone by forgetting it: it
 * is recorded as requested before it is sent, and asked about before it is sent again. An `idempotent` one may simply
 * be done again. A `timer` is the driver's own.
 */
export const effectKinds = {
  verifySource: 'idempotent',
  initiateReplication: 'sideEffect',
  runFullSync: 'idempotent',
  runDeltaSync: 'idempotent',
  runRescan: 'idempotent',
  launchTest: 'sideEffect',
  cleanUpTest: 'sideEffect',
  quiesceSource: 'sideEffect',
  runFinalSync: 'idempotent',
  fenceSource: 'sideEffect',
  fixUpReplica: 'sideEffect',
  launchTarget: 'sideEffect',
  connectTarget: 'sideEffect',
  validateTarget: 'idempotent',
  rollBack: 'sideEffect',
  releaseSource: 'sideEffect',
  retireSource: 'sideEffect',
  armTimer: 'timer',
} as const satisfies Record<EffectType, 'sideEffect' | 'idempotent' | 'timer'>;

/** The names of effects whose unknown outcome must be reconciled before they are tried again. */
export type SideEffectType = {
  [T in EffectType]: (typeof effectKinds)[T] extends 'sideEffect' ? T : never;
}[EffectType];

/** Whether the effect's outcome must be known before it may be tried again. */
export const isSideEffect = (type: EffectType): type is SideEffectType => effectKinds[type] === 'sideEffect';
