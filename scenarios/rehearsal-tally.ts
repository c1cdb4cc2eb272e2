import type { ProposedFact } from '#core/event-log/event-log';
import type { MigrationId } from '#core/ids';
import { axesOf, hasMoved } from '#core/migration/abilities';
import { foldDowntime, splitDowntime, type Downtime } from '#core/migration/downtime';
import { initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { bytes, millis, type Instant } from '#core/units';
import type { MemberSummary } from './rehearsal-summary.ts';
import { troubleFold } from './trouble.ts';
import { phaseOf, type CourseRecorder, type Phase } from './wave-course.ts';

/** Adds up one migration's facts as they come. */
export interface MemberTally {
  /** `state` is what they led to. */
  add(facts: readonly ProposedFact<MigrationFact>[], state: MigrationState): void;
  /** What came of it by `now`. */
  summary(
    migration: MigrationId,
    state: MigrationState | undefined,
    expected: string | null,
    now: Instant,
  ): MemberSummary;
}

/** A tally of nothing yet. `course` is told whenever the migration enters another phase. */
export function memberTally(course?: Pick<CourseRecorder, 'move'>): MemberTally {
  let rounds = 0;
  let sent = 0;
  // Of cutovers before the last one.
  let earlier = 0;
  let downtime: Downtime | null = null;
  let phase: Phase = 'preparing';
  const troubles = troubleFold();
  const total = (of: Downtime | null, now: Instant): number => (of ? splitDowntime(of, now).total : 0);
  return {
    add(appended, state) {
      for (const { type, data, metadata } of appended) {
        const fact = { type, data } as MigrationFact;
        const next = foldDowntime(downtime, fact, metadata.time);
        if (downtime && next !== downtime && next?.askedAt !== downtime.askedAt)
          earlier += total(downtime, metadata.time);
        downtime = next;
        troubles.add(fact);
        if (fact.type !== 'RoundCompleted' && fact.type !== 'FinalSyncCompleted') continue;
        rounds += 1;
        sent += fact.data.sent;
      }
      const next = phaseOf(state);
      const last = appended.at(-1);
      if (next === phase || last === undefined) return;
      course?.move(phase, next, last.metadata.time);
      phase = next;
    },
    summary(migration, state, expected, now) {
      const standing = state ?? initialMigration();
      const { lifecycle, replication } = axesOf(standing);
      const down = millis(earlier + total(downtime, now));
      const trouble = troubles.trouble(standing, hasMoved(lifecycle));
      return { migration, lifecycle, replication, expected, downtime: down, sent: bytes(sent), rounds, trouble };
    },
  };
}
