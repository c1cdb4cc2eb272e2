import type { MemberOutcome } from '#core/wave/facts';
import type { Law } from './law.ts';
import { rememberedFacts, waveMemory, type WaveMemory, type WaveRecord } from './wave-members.ts';

/** Whether the target of a VM that ended there owns the data. */
export const hasMoved = (lifecycle: string): boolean => /^(cutOver|finalizing\.\w+|finalized)$/.test(lifecycle);

/** L11: who was admitted gets its turn, and who does not is told why. */
export const everyoneScheduled: Law = {
  id: 'L11',
  slug: 'everyone-scheduled',
  statement: 'Every admitted VM is eventually scheduled, whatever its size or disk count.',
  incident: 'a VM with more disks than a host might copy at once waited for ever, without a word',
  facts: rememberedFacts,
  begin: () => {
    const memory = waveMemory();
    return {
      take: (entry) => {
        memory.take(entry);
        if (entry.fact.type !== 'WaveCompleted') return undefined;
        const wave = memory.waves.get(entry.stream);
        // Where time ran out, or somebody ended it, that is why the rest stays.
        if (!wave || wave.isCut) return undefined;
        const { members } = entry.fact.data;
        const moved = new Set(members.filter(({ lifecycle }) => hasMoved(lifecycle)).map(({ migration }) => migration));
        const forgotten = members.find(
          (outcome) => !moved.has(outcome.migration) && !hasReason(memory, wave, outcome, moved),
        );
        return forgotten && `the wave was completed, ${forgotten.migration} was never cut over, and nothing says why`;
      },
    };
  },
};

function hasReason(
  { members }: WaveMemory,
  wave: WaveRecord,
  { migration, why }: MemberOutcome,
  moved: ReadonlySet<string>,
): boolean {
  const member = members.get(migration);
  const planned = wave.planned.get(migration);
  if (why !== undefined || !member?.plan || !planned) return true;
  if (!member.isVerified || member.hasTrouble || member.testFailed) return true;
  if (planned.after.some((other) => !moved.has(other))) return true;
  if (wave.plan.approval !== undefined && wave.approvedBy === null) return true;
  return member.plan.approval !== 'given' && !member.isApproved;
}
