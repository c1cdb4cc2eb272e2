import { breaks, migrationLaw } from './law.ts';

/** L6: a delta is taken only from a tracker that has seen everything. */
export const lostTrackingRescans = migrationLaw({
  id: 'L6',
  slug: 'lost-tracking-rescans',
  statement: 'Lost or reset change tracking never yields a delta; it leads to a rescan.',
  incident: 'bitmaps that were gone after a crash led to backups that restored to damaged disks',
  start: { isLost: false },
  on: {
    TrackingLost: () => ({ isLost: true }),
    FinalSyncFailed: (state, { data }) => ({ isLost: state.isLost || data.trackingLost }),
    RoundCompleted: (state, { data }) => {
      if (data.kind === 'rescan' || data.kind === 'full') return { isLost: false };
      return state.isLost ? breaks(state, `round ${data.round} is a ${data.kind} after tracking was lost`) : state;
    },
    FinalSyncCompleted: (state) =>
      state.isLost ? breaks(state, 'the final sync took changes from a tracker that had lost some') : state,
  },
});
