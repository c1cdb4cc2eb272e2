import type { ProposedFact } from '#core/event-log/event-log';
import type { MigrationId } from '#core/ids';
import { axesOf, sourceIsDown } from '#core/migration/abilities';
import { initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact, RoundReport } from '#core/migration/facts';
import { bytes, elapsed, millis, type Instant } from '#core/units';
import type { MemberSummary } from './rehearsal-summary.ts';

/** Adds up one migration's facts as they come. */
export interface MemberTally {
  /** `state` is the state after these facts, which were appended together. */
  add(facts: readonly ProposedFact<MigrationFact>[], state: MigrationState): void;
  readonly facts: number;
  summary(migration: MigrationId, state: MigrationState | undefined, expected: string | null): MemberSummary;
}

/** A tally of nothing yet. */
export function memberTally(): MemberTally {
  let facts = 0;
  let rounds = 0;
  let sent = 0;
  let downtime = 0;
  let downSince: Instant | null = null;
  return {
    get facts() {
      return facts;
    },
    add(appended, state) {
      facts += appended.length;
      for (const fact of appended) {
        if (fact.type !== 'RoundCompleted' && fact.type !== 'FinalSyncCompleted') continue;
        rounds += 1;
        sent += (fact.data as RoundReport).sent;
      }
      const now = appended.at(-1)?.metadata.time;
      if (now === undefined) return;
      if (sourceIsDown(state)) downSince ??= now;
      else if (downSince !== null) {
        downtime += elapsed(downSince, now);
        downSince = null;
      }
    },
    summary: (migration, state, expected) => {
      const { lifecycle, replication } = axesOf(state ?? initialMigration());
      return { migration, lifecycle, replication, expected, downtime: millis(downtime), sent: bytes(sent), rounds };
    },
  };
}
