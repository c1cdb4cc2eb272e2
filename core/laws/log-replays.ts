import { InvariantError } from '#core/invariant';
import { evolve, initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { initialWave, evolveWave, type WaveState } from '#core/wave/evolve';
import type { WaveFact } from '#core/wave/facts';
import type { Entry, Law } from './law.ts';

/**
 * L18: the log alone says where everything stands. Each fact must be one that can follow those before it; a fold has no
 * other input, so whoever folds the same prefix gets the same state, and effects come out of it as data.
 */
export const logReplays: Law = {
  id: 'L18',
  slug: 'log-replays',
  statement: 'Folding any prefix of a log rebuilds the same state; replay performs no effect.',
  incident: 'state that was kept beside the log could not be rebuilt from it after a crash',
  begin: () => {
    const migrations = new Map<string, MigrationState>();
    const waves = new Map<string, WaveState>();
    const next = new Map<string, number>();
    const fold = ({ stream, fact, at }: Entry): void => {
      const place = { stream, time: at };
      if (stream.startsWith('migration-'))
        migrations.set(stream, evolve(migrations.get(stream) ?? initialMigration(), fact as MigrationFact, place));
      if (stream.startsWith('wave-'))
        waves.set(stream, evolveWave(waves.get(stream) ?? initialWave(), fact as WaveFact, place));
    };
    return {
      of: () => (entry) => {
        const expected = next.get(entry.stream) ?? 0;
        next.set(entry.stream, entry.revision + 1);
        if (entry.revision !== expected) return `revision ${entry.revision} follows where ${expected} belongs`;
        try {
          fold(entry);
          return undefined;
        } catch (error) {
          if (error instanceof InvariantError) return error.message;
          throw error;
        }
      },
    };
  },
};
