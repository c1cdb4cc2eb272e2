import type { DiskId } from '#core/ids';
import type { RoundReport } from '#core/migration/facts';
import { breaks, migrationLaw, type Place } from './law.ts';

interface Planned {
  readonly disks: readonly DiskId[];
}

/** L7: a cutover is of all disks that the source has. */
export const diskChangesNoticed = migrationLaw<Planned>({
  id: 'L7',
  slug: 'disk-changes-noticed',
  statement: 'A disk that is added, removed or resized between rounds is noticed before the cutover.',
  incident: 'a disk that was added after the first backup was never backed up, and nobody was told',
  start: { disks: [] },
  on: {
    MigrationDrafted: (_, { data }) => ({ disks: data.plan.disks.map(({ id }) => id) }),
    RoundCompleted: (state, { data }) => judged(state, data),
    FinalSyncCompleted: (state, { data }, place) => judged(state, data, place),
  },
});

function judged(state: Planned, { round, disks }: RoundReport, place?: Place) {
  // A handful at most, and a round is completed for every other fact: no set is made of them.
  const isReported = (wanted: DiskId): boolean => disks.some(({ disk }) => disk === wanted);
  if (!state.disks.every(isReported))
    return breaks(state, `round ${round} went without ${state.disks.filter((disk) => !isReported(disk)).join(', ')}`);
  const there = place?.witness?.disksNow(place.stream);
  const unknown = there?.filter((disk) => !state.disks.includes(disk)) ?? [];
  const gone = there === undefined ? [] : state.disks.filter((disk) => !there.includes(disk));
  if (unknown.length > 0) return breaks(state, `the source has ${unknown.join(', ')}, which nobody replicated`);
  return gone.length > 0 ? breaks(state, `the source lost ${gone.join(', ')}, and was cut over`) : state;
}
