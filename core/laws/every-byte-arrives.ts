import type { DiskId } from '#core/ids';
import type { RoundReport } from '#core/migration/facts';
import { breaks, migrationLaw, type Place } from './law.ts';

interface Synced {
  readonly disks: readonly DiskId[];
  readonly isWhole: boolean;
  readonly isQuiesced: boolean;
  readonly isFinal: boolean;
}

/** L5: what is handed over is what the source held. With a witness the content itself is judged. */
export const everyByteArrives = migrationLaw<Synced>({
  id: 'L5',
  slug: 'every-byte-arrives',
  statement:
    'At switchover every byte of every target disk equals the source at the quiesce point, also for disks without tracking.',
  incident: 'writes made during the copy were lost; all disks landed on one volume, and that was reported as success',
  start: { disks: [], isWhole: false, isQuiesced: false, isFinal: false },
  on: {
    MigrationDrafted: (state, { data }) => ({ ...state, disks: data.plan.disks.map(({ id }) => id) }),
    RoundCompleted: (state, { data }) =>
      data.kind === 'full' || data.kind === 'rescan' ? { ...state, isWhole: true } : state,
    SourceQuiesced: (state) => ({ ...state, isQuiesced: true, isFinal: false }),
    RolledBack: (state) => ({ ...state, isQuiesced: false, isFinal: false }),
    FinalSyncCompleted: (state, { data }, place) => {
      const wrong = wrongFinal(state, data, place);
      const next = { ...state, isFinal: true };
      return wrong === undefined ? next : breaks(next, wrong);
    },
    SourceFenced: (state) =>
      state.isFinal ? state : breaks(state, 'the replica takes over before what the source wrote last has crossed'),
  },
});

function wrongFinal(state: Synced, report: RoundReport, place: Place): string | undefined {
  if (!state.isWhole) return 'the final sync follows no whole copy';
  if (!state.isQuiesced) return 'the final sync ended while the source could write';
  const truth = place.witness?.sourceRoots(place.stream);
  const replicas = place.witness?.replicaRoots(place.stream);
  for (const disk of state.disks) {
    const root = report.disks.find((each) => each.disk === disk)?.root;
    if (root === undefined) return `the final sync says nothing of disk ${disk}`;
    if (root === '') return `the content of disk ${disk} was not compared`;
    const wanted = truth?.get(disk);
    if (wanted !== undefined && wanted !== root) return `disk ${disk} differs from its source at the quiesce point`;
    const held = replicas?.get(disk);
    if (held !== undefined && held !== root) return `the replica of disk ${disk} does not hold what was reported`;
  }
  return undefined;
}
