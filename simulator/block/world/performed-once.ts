import type { MigrationId } from '#core/ids';
import type { MigrationFact } from '#core/migration/facts';
import type { LiveWorld } from '#replicator/live/live-world';

/** Counts what is done in a world against what was asked for: a log does not tell what was done twice under one request. */
export interface Performances {
  /** A fact came into the log. */
  saw(migration: MigrationId, fact: MigrationFact): void;
  /** The same world, watched. */
  watched(migration: MigrationId, world: LiveWorld): LiveWorld;
}

/** Nothing was done yet. `onTwice`: something was done once more than the log asks for it. */
export function performances(onTwice: (migration: MigrationId, why: string) => void): Performances {
  const asked = new Map<string, number>();
  const done = new Map<string, number>();
  return {
    saw: (migration, { type, data }) => {
      if (type === 'EffectRequested') raise(asked, `${migration} ${data.key}`);
    },
    watched: (migration, world) => ({
      perform: (work, report, signal) => {
        const key = `${migration} ${work.key}`;
        const times = raise(done, key);
        // What changes nothing outside is asked for by no fact, and may be done again.
        const requests = asked.get(key);
        if (requests !== undefined && times > requests)
          onTwice(migration, `${work.effect.type} was done again, though nobody knew what had become of it`);
        return world.perform(work, report, signal);
      },
      reconcile: (work, signal) => world.reconcile(work, signal),
      close: () => world.close(),
    }),
  };
}

function raise(counts: Map<string, number>, key: string): number {
  const count = (counts.get(key) ?? 0) + 1;
  counts.set(key, count);
  return count;
}
