import { alsoOfPlannedCutovers, waveEndLaw, type WaveEnd } from './wave-members.ts';
import { wavesOf } from './wave-memory.ts';

const atTheEnd = waveEndLaw(
  {
    id: 'L16',
    slug: 'stop-together',
    statement:
      'A shared disk is copied once; VMs that share one stop together or not at all, each after those it is to follow.',
    incident: 'two nodes of a cluster were copied one after the other while they wrote to the disk they shared',
  },
  (end) => {
    for (const application of end.wave.plan.together ?? []) {
      const left = leftBehind(end, application);
      if (left !== undefined) return left;
    }
    return undefined;
  },
);

function leftBehind({ memory, wave, moved }: WaveEnd, application: string): string | undefined {
  const group = wave.plan.members.filter((member) => member.application === application);
  // One that was taken back, or could not go on, is why others of it stay or came back.
  if (group.some(({ migration }) => memory.members.get(migration)?.hasTrouble ?? false)) return undefined;
  const [begun] = group.filter(({ migration }) => (wave.started.get(migration) ?? 0) > 0);
  const stays = group.find(
    ({ migration, after }) => !wave.started.has(migration) && after.every((other) => moved.has(other)),
  );
  return begun && stays
    ? `${begun.migration} of ${application} was cut over, and ${stays.migration}, which belongs to it, never was`
    : undefined;
}

/** L16: what belongs together is stopped together, in its order. */
export const stopTogether = alsoOfPlannedCutovers(atTheEnd, (memory, id) => {
  const hasMoved = (other: typeof id): boolean => memory.members.get(other)?.hasMoved ?? false;
  const [early] = wavesOf(memory, id).flatMap(
    ({ planned }) => planned.get(id)?.after.filter((other) => !hasMoved(other)) ?? [],
  );
  return early && `${id} was cut over before ${early}, which it is to follow`;
});
