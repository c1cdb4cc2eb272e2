import { categoryOf, type Position, type RecordedFact, type StreamId } from '#core/event-log/event-log';
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
  const fact = recorded as MigrationFact & FoldedFact;
  const { stream, position, metadata } = recorded;
  const { time } = metadata;
  let state = view === undefined ? initialMigration() : view.state;
  let progress = view === undefined ? noProgress : view.progress;
  let broken = view === undefined ? null : view.broken;
  if (broken === null) {
    try {
      state = foldState(state, fact, { stream, time });
    } catch (error) {
      broken = brokenBy(error, position);
    }
    if (broken === null) progress = foldProgress(progress, fact, time);
  }
  const id = view === undefined ? (idOf(stream) as MigrationId) : view.id;
  // Member by member: a spread costs several times as much, and this is done for every fact of a log.
  return { id, position, time, facts: (view?.facts ?? 0) + 1, broken, state, progress };
}

/** Folds the next fact of a wave's stream into what is known of it. Never throws for what a log holds. */
export function foldWaveView(view: WaveView | undefined, recorded: FoldedFact): WaveView {
  const { stream, position, metadata } = recorded;
  const { time } = metadata;
  let state = view === undefined ? initialWave() : view.state;
  let broken = view === undefined ? null : view.broken;
  if (broken === null) {
    try {
      state = evolveWave(state, recorded as WaveFact & FoldedFact, { stream, time });
    } catch (error) {
      broken = brokenBy(error, position);
    }
  }
  const id = view === undefined ? (idOf(stream) as WaveId) : view.id;
  return { id, position, time, facts: (view?.facts ?? 0) + 1, broken, state };
}

// Reports of progress are most of any log and move nothing in the chart: where it can take one, only the count goes up.
// The chart takes a report of the round it is in, and so does this; everything else goes through it.
function foldState(
  state: MigrationState,
  fact: MigrationFact,
  place: { readonly stream: string; readonly time: Instant },
): MigrationState {
  if (fact.type === 'RoundProgressed' && fact.data.round === state.snapshot.context.round)
    return { snapshot: state.snapshot, count: state.count + 1, cutovers: state.cutovers, work: state.work };
  return evolve(state, fact, place);
}

function brokenBy(error: unknown, position: Position): NonNullable<StreamHead['broken']> {
  if (error instanceof InvariantError) return { position, why: error.message };
  throw error;
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
  // By the whole name of a stream, which is taken apart once and not for each of its facts.
  const folds = new Map<string, (fact: FoldedFact) => void>();
  const foldOf = (stream: StreamId): ((fact: FoldedFact) => void) => {
    switch (categoryOf(stream)) {
      case 'migration':
        return foldInto(migrations, idOf(stream) as MigrationId, foldMigrationView);
      case 'wave':
        return foldInto(waves, idOf(stream) as WaveId, foldWaveView);
      default:
        return () => {};
    }
  };
  return {
    migrations,
    waves,
    add(fact) {
      let fold = folds.get(fact.stream);
      if (fold === undefined) {
        fold = foldOf(fact.stream);
        folds.set(fact.stream, fold);
      }
      fold(fact);
    },
  };
}

function foldInto<Id, View>(
  views: Map<Id, View>,
  id: Id,
  next: (view: View | undefined, fact: FoldedFact) => View,
): (fact: FoldedFact) => void {
  let view: View | undefined;
  return (fact) => {
    view = next(view, fact);
    views.set(id, view);
  };
}
