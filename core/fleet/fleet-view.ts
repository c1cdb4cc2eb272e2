import { categoryOf, type Position, type RecordedFact } from '#core/event-log/event-log';
import type { MigrationId, WaveId } from '#core/ids';
import { InvariantError } from '#core/invariant';
import { evolve, initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { foldProgress, noProgress, type Progress } from '#core/migration/progress';
import type { Instant } from '#core/units';
import { evolveWave, initialWave, type WaveState } from '#core/wave/evolve';
import type { WaveFact } from '#core/wave/facts';

/** What a fold needs of a recorded fact: a page keeps no more of it. */
export type FoldedFact = Pick<RecordedFact, 'stream' | 'position' | 'type' | 'data'> & {
  readonly metadata: { readonly time: Instant };
};

/** The last fact that was folded, and what is wrong with the stream if it cannot be folded on. */
export interface StreamHead {
  readonly position: Position;
  readonly time: Instant;
  readonly facts: number;
  /** A fact that cannot follow: the log is damaged, or of another model. The state stays as it was before it. */
  readonly broken: { readonly position: Position; readonly why: string } | null;
}

/** One migration as its facts tell it: what the chart decides on, and what people want to know. */
export interface MigrationView extends StreamHead {
  readonly id: MigrationId;
  readonly state: MigrationState;
  readonly progress: Progress;
}

/** One wave as its facts tell it. */
export interface WaveView extends StreamHead {
  readonly id: WaveId;
  readonly state: WaveState;
}

const idOf = (stream: string): string => stream.slice(stream.indexOf('-') + 1);

/**
 * Folds the next fact of a migration's stream into what is known of it. Never throws for what a log holds: a stream that
 * does not fit the model is marked as broken, and the others are shown all the same.
 */
export function foldMigrationView(view: MigrationView | undefined, recorded: FoldedFact): MigrationView {
  const before = view ?? {
    id: idOf(recorded.stream) as MigrationId,
    state: initialMigration(),
    progress: noProgress,
    broken: null,
    facts: 0,
  };
  const fact = { type: recorded.type, data: recorded.data } as MigrationFact;
  const at = recorded.metadata.time;
  const head = { position: recorded.position, time: at, facts: before.facts + 1 };
  if (before.broken) return { ...before, ...head };
  const state = stateAfter(before.state, recorded.position, () =>
    foldState(before.state, fact, { stream: recorded.stream, time: at }),
  );
  if (state.broken) return { ...before, ...head, broken: state.broken };
  return { ...before, ...head, state: state.next, progress: foldProgress(before.progress, fact, at) };
}

/** Folds the next fact of a wave's stream into what is known of it. Never throws for what a log holds. */
export function foldWaveView(view: WaveView | undefined, recorded: FoldedFact): WaveView {
  const before = view ?? { id: idOf(recorded.stream) as WaveId, state: initialWave(), broken: null, facts: 0 };
  const at = recorded.metadata.time;
  const head = { position: recorded.position, time: at, facts: before.facts + 1 };
  if (before.broken) return { ...before, ...head };
  const fact = { type: recorded.type, data: recorded.data } as WaveFact;
  const state = stateAfter(before.state, recorded.position, () =>
    evolveWave(before.state, fact, { stream: recorded.stream, time: at }),
  );
  return { ...before, ...head, state: state.next, broken: state.broken };
}

// Reports of progress are most of any log and move nothing in the chart: where it can take one, only the count goes up.
// The chart takes a report of the round it is in, and so does this; everything else goes through it.
function foldState(
  state: MigrationState,
  fact: MigrationFact,
  place: { readonly stream: string; readonly time: Instant },
): MigrationState {
  if (fact.type === 'RoundProgressed' && fact.data.round === state.snapshot.context.round)
    return { ...state, count: state.count + 1 };
  return evolve(state, fact, place);
}

function stateAfter<S>(
  state: S,
  position: Position,
  next: () => S,
): { readonly next: S; readonly broken: StreamHead['broken'] } {
  try {
    return { next: next(), broken: null };
  } catch (error) {
    if (error instanceof InvariantError) return { next: state, broken: { position, why: error.message } };
    throw error;
  }
}

/** A fleet at one moment. */
export interface FleetView {
  readonly migrations: ReadonlyMap<MigrationId, MigrationView>;
  readonly waves: ReadonlyMap<WaveId, WaveView>;
}

/** A fleet that is folded as its facts come. Facts of categories without a view are passed over. */
export interface FleetFold extends FleetView {
  add(fact: FoldedFact): void;
}

/** Starts with nothing. Holds one view per stream, and no facts. */
export function fleetFold(): FleetFold {
  const migrations = new Map<MigrationId, MigrationView>();
  const waves = new Map<WaveId, WaveView>();
  return {
    migrations,
    waves,
    add(fact) {
      const category = categoryOf(fact.stream);
      const id = idOf(fact.stream);
      if (category === 'migration')
        migrations.set(id as MigrationId, foldMigrationView(migrations.get(id as MigrationId), fact));
      if (category === 'wave') waves.set(id as WaveId, foldWaveView(waves.get(id as WaveId), fact));
    },
  };
}
