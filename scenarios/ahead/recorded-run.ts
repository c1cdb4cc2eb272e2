import type { RecordedFact, StreamId } from '#core/event-log/event-log';
import { migrationId, waveId, type MigrationId, type WaveId } from '#core/ids';
import { evolve, initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import type { MigrationPlan } from '#core/migration/plan';
import { evolveWave, initialWave, type WaveState } from '#core/wave/evolve';
import type { WaveFact } from '#core/wave/facts';
import type { WavePlan } from '#core/wave/plan';
import type { Instant } from '#core/units';

/** One migration as its log has it. */
export interface RecordedMigration {
  readonly id: MigrationId;
  readonly plan: MigrationPlan;
  readonly history: readonly RecordedFact<MigrationFact>[];
  readonly state: MigrationState;
}

/** One wave as its log has it. */
export interface RecordedWave {
  readonly id: WaveId;
  readonly plan: WavePlan;
  readonly history: readonly RecordedFact<WaveFact>[];
  readonly state: WaveState;
}

/** What a log holds, folded: a run that can be gone on with. */
export interface RecordedRun {
  readonly migrations: readonly RecordedMigration[];
  readonly waves: readonly RecordedWave[];
  /** When the last fact happened, of any stream; null in an empty log. */
  readonly lastAt: Instant | null;
  /** The last revision of each stream. */
  readonly ends: ReadonlyMap<StreamId, number>;
}

/** Folds a log. A migration or a wave that was not drafted yet is left out. */
export async function recordedRun(facts: AsyncIterable<RecordedFact> | Iterable<RecordedFact>): Promise<RecordedRun> {
  const streams = new Map<StreamId, RecordedFact[]>();
  const ends = new Map<StreamId, number>();
  let lastAt: Instant | null = null;
  for await (const fact of facts) {
    const { stream, revision, metadata } = fact;
    const known = streams.get(stream);
    if (known) known.push(fact);
    else streams.set(stream, [fact]);
    ends.set(stream, revision);
    lastAt = lastAt === null || metadata.time > lastAt ? metadata.time : lastAt;
  }
  const named = (category: string): readonly (readonly [id: string, history: readonly RecordedFact[]])[] =>
    [...streams].flatMap(([stream, history]) =>
      stream.startsWith(`${category}-`) ? [[stream.slice(category.length + 1), history] as const] : [],
    );
  return {
    migrations: named('migration').flatMap(([id, history]) => migrationIn(id, history)),
    waves: named('wave').flatMap(([id, history]) => waveIn(id, history)),
    lastAt,
    ends,
  };
}

/** A recorded fact as the chart takes it. */
export const factIn = <F extends MigrationFact | WaveFact>({ type, data }: RecordedFact<F>): F => ({ type, data }) as F;

function migrationIn(id: string, facts: readonly RecordedFact[]): readonly RecordedMigration[] {
  const history = facts as readonly RecordedFact<MigrationFact>[];
  let state = initialMigration();
  for (const fact of history) state = evolve(state, factIn(fact), { stream: fact.stream, time: fact.metadata.time });
  const { plan } = state.snapshot.context;
  return plan ? [{ id: migrationId(id), plan, history, state }] : [];
}

function waveIn(id: string, facts: readonly RecordedFact[]): readonly RecordedWave[] {
  const history = facts as readonly RecordedFact<WaveFact>[];
  let state = initialWave();
  for (const fact of history)
    state = evolveWave(state, factIn(fact), { stream: fact.stream, time: fact.metadata.time });
  const { plan } = state.snapshot.context;
  return plan ? [{ id: waveId(id), plan, history, state }] : [];
}
