import type { ProposedFact } from '#core/event-log/event-log';
import type { MigrationId } from '#core/ids';
import { axesOf } from '#core/migration/abilities';
import { foldDowntime, splitDowntime, type Downtime } from '#core/migration/downtime';
import { initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { bytes, millis, type Instant } from '#core/units';
import type { MemberSummary } from './rehearsal-summary.ts';

/** Adds up one migration's facts as they come. */
export interface MemberTally {
  add(facts: readonly ProposedFact<MigrationFact>[]): void;
  readonly facts: number;
  /** What came of it by `now`. */
  summary(
    migration: MigrationId,
    state: MigrationState | undefined,
    expected: string | null,
    now: Instant,
  ): MemberSummary;
}

/** A tally of nothing yet. */
export function memberTally(): MemberTally {
  let facts = 0;
  let rounds = 0;
  let sent = 0;
  // Of cutovers before the last one.
  let earlier = 0;
  let downtime: Downtime | null = null;
  const total = (of: Downtime | null, now: Instant): number => (of ? splitDowntime(of, now).total : 0);
  return {
    get facts() {
      return facts;
    },
    add(appended) {
      facts += appended.length;
      for (const { type, data, metadata } of appended) {
        const fact = { type, data } as MigrationFact;
        const next = foldDowntime(downtime, fact, metadata.time);
        if (downtime && next !== downtime && next?.askedAt !== downtime.askedAt)
          earlier += total(downtime, metadata.time);
        downtime = next;
        if (fact.type !== 'RoundCompleted' && fact.type !== 'FinalSyncCompleted') continue;
        rounds += 1;
        sent += fact.data.sent;
      }
    },
    summary(migration, state, expected, now) {
      const { lifecycle, replication } = axesOf(state ?? initialMigration());
      const down = millis(earlier + total(downtime, now));
      return { migration, lifecycle, replication, expected, downtime: down, sent: bytes(sent), rounds };
    },
  };
}
