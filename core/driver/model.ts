import type { Fact } from '#core/event-log/event-log';
import type { Result } from '#core/result';
import type { Instant, Millis } from '#core/units';

/** How far a piece of work is; see `core/migration/evolve.ts`. */
export interface WorkItem<E> {
  readonly key: string;
  readonly effect: E;
  readonly standing: 'due' | 'requested' | 'unknown' | 'undecidable' | 'vouched';
  readonly since: Instant;
}

/** How an effect touches the world; see `core/migration/effects.ts`. */
export type EffectKind =
  | { readonly type: 'sideEffect' | 'idempotent' }
  | { readonly type: 'timer'; readonly wait: Millis }
  | { readonly type: 'deadline'; readonly at: Instant };

/** A decider that a driver can drive: a statechart with its commands, facts and effects, all of them data. */
export interface Model<S, F extends Fact, C, E, R> {
  readonly id: string;
  readonly version: string;
  readonly schemaVersion: number;
  initial(): S;
  /** Folds one fact; throws an `InvariantError` for one that cannot follow. */
  evolve(state: S, fact: F, place: { readonly stream: string; readonly time: Instant }): S;
  canTake(state: S, fact: F): boolean;
  decide(command: C, state: S): Result<readonly F[], R>;
  /** What the world owes, as far as the folded facts know. */
  work(state: S): readonly WorkItem<E>[];
  hasEnded(state: S): boolean;
  /** How an effect touches the world; for the driver's own, how long it waits or until when. */
  kindOf(effect: E): EffectKind;
  /** The driver's own notes in this model's facts. */
  readonly notes: {
    requested(key: string, effect: E): F;
    unknown(key: string, effect: E, why: string): F;
    reconciled(key: string, found: 'done' | 'notDone'): F;
    undecidable(key: string, why: string): F;
    deadlinePassed(effect: E): F;
    /** The outcome a person vouched for, where the world could not tell. */
    vouched(effect: E): F;
  };
}
