import type { Law } from './law.ts';
import { hasMoved } from './everyone-scheduled.ts';
import { rememberedFacts, waveMemory, type WaveMemory, type WaveRecord } from './wave-members.ts';

/** L16: what belongs together is stopped together. */
export const stopTogether: Law = {
  id: 'L16',
  slug: 'stop-together',
  statement: 'A shared disk is copied once; VMs that share one stop together or not at all.',
  incident: 'two nodes of a cluster were copied one after the other while they wrote to the disk they shared',
  facts: rememberedFacts,
  begin: () => {
    const memory = waveMemory();
    return {
      take: (entry) => {
        memory.take(entry);
        if (entry.fact.type !== 'WaveCompleted') return undefined;
        const wave = memory.waves.get(entry.stream);
        if (!wave) return undefined;
        const moved = new Set(
          entry.fact.data.members.filter(({ lifecycle }) => hasMoved(lifecycle)).map(({ migration }) => migration),
        );
        for (const application of wave.plan.together ?? []) {
          const left = leftBehind(memory, wave, application, moved);
          if (left !== undefined) return left;
        }
        return undefined;
      },
    };
  },
};

function leftBehind(
  { members }: WaveMemory,
  wave: WaveRecord,
  application: string,
  moved: ReadonlySet<string>,
): string | undefined {
  const group = wave.plan.members.filter((member) => member.application === application);
  // One that was taken back, or could not go on, is why others of it stay or came back.
  if (group.some(({ migration }) => members.get(migration)?.hasTrouble ?? false)) return undefined;
  const [begun] = group.filter(({ migration }) => (wave.started.get(migration) ?? 0) > 0);
  const stays = group.find(
    ({ migration, after }) => !wave.started.has(migration) && after.every((other) => moved.has(other)),
  );
  return begun && stays
    ? `${begun.migration} of ${application} was cut over, and ${stays.migration}, which belongs to it, never was`
    : undefined;
}
