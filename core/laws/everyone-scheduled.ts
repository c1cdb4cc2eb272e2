import type { MemberOutcome } from '#core/wave/facts';
import { waveEndLaw, type WaveEnd } from './wave-members.ts';

/** L11: who was admitted gets its turn, and who does not is told why. */
export const everyoneScheduled = waveEndLaw(
  {
    id: 'L11',
    slug: 'everyone-scheduled',
    statement: 'Every admitted VM is eventually scheduled, whatever its size or disk count.',
    incident: 'a VM with more disks than a host might copy at once waited for ever, without a word',
  },
  (end) => {
    // Where time ran out, or somebody ended it, that is why the rest stays.
    if (end.wave.isCut) return undefined;
    const forgotten = end.outcomes.find((outcome) => !end.moved.has(outcome.migration) && !hasReason(end, outcome));
    return forgotten && `the wave was completed, ${forgotten.migration} was never cut over, and nothing says why`;
  },
);

function hasReason({ memory, wave, moved }: WaveEnd, { migration, why }: MemberOutcome): boolean {
  const member = memory.members.get(migration);
  const planned = wave.planned.get(migration);
  if (why !== undefined || !member?.plan || !planned) return true;
  if (!member.isVerified || member.hasTrouble || member.testFailed) return true;
  if (planned.after.some((other) => !moved.has(other))) return true;
  if (wave.plan.approval !== undefined && wave.approvedBy === null) return true;
  return member.plan.approval !== 'given' && !member.isApproved;
}
