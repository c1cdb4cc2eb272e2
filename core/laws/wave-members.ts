import type { MigrationId } from '#core/ids';
import { hasMoved } from '#core/migration/abilities';
import type { MemberOutcome } from '#core/wave/facts';
import type { Law } from './law.ts';
import type { WaveMemory, WaveRecord } from './wave-memory.ts';

/** A law that also says why a cutover that the planner has just begun breaks it, from what is remembered of waves. */
export function alsoOfPlannedCutovers(law: Law, why: (memory: WaveMemory, id: MigrationId) => string | undefined): Law {
  return {
    ...law,
    facts: [...new Set([...(law.facts ?? []), 'CutoverStarted'])],
    begin: (witness, waves) => {
      const judge = law.begin(witness, waves);
      return {
        ...judge,
        of: (type) => {
          const take = judge.of(type);
          if (type !== 'CutoverStarted') return take;
          return (entry, nth) => {
            const broken = take(entry, nth);
            if (broken !== undefined || entry.actor !== 'planner') return broken;
            const member = waves.memberOf(entry.stream, nth);
            return member && why(waves, member.id);
          };
        },
      };
    },
  };
}

/** How a wave ended, for laws about who was left. */
export interface WaveEnd {
  readonly memory: WaveMemory;
  readonly wave: WaveRecord;
  readonly outcomes: readonly MemberOutcome[];
  /** Those whose targets own the data. */
  readonly moved: ReadonlySet<MigrationId>;
}

/** A law that judges a wave when it is completed. */
export const waveEndLaw = (law: Omit<Law, 'begin' | 'facts'>, judge: (end: WaveEnd) => string | undefined): Law => ({
  ...law,
  facts: ['WaveCompleted'],
  begin: (_witness, memory) => ({
    of: () => (entry) => {
      if (entry.fact.type !== 'WaveCompleted') return undefined;
      const wave = memory.waves.get(entry.stream);
      if (!wave) return undefined;
      const outcomes = entry.fact.data.members;
      const moved = outcomes.filter(({ lifecycle }) => hasMoved(lifecycle)).map(({ migration }) => migration);
      return judge({ memory, wave, outcomes, moved: new Set(moved) });
    },
  }),
});
