import { breaks, migrationLaw } from './law.ts';

/** L6: a delta is taken only from a tracker that has seen everything. */
export const lostTrackingRescans = migrationLaw({
  id: 'L6',
  slug: 'lost-tracking-rescans',
  statement: 'Lost or reset change tracking never yields a delta; it leads to a rescan.',
  incident: 'bitmaps that were gone after a crash led to backups that restored to damaged disks',
  start: { isBegun: false, isLost: false },
  on: {
    ReplicationInitiated: (state) => ({ ...state, isBegun: true }),
    TrackingLost: (state) => ({ ...state, isLost: true }),
    FinalSyncFailed: (state, { data }) => ({ ...state, isLost: state.isLost || data.trackingLost }),
    RoundCompleted: (state, { data }) => {
      if (!state.isBegun)
        return breaks(
          { ...state, isLost: false },
          `round ${data.round} was completed, and nobody had begun to track changes`,
        );
      if (!state.isLost) return state;
      if (data.kind === 'rescan' || data.kind === 'full') return { ...state, isLost: false };
      return breaks(state, `round ${data.round} is a ${data.kind} after tracking was lost`);
    },
    FinalSyncCompleted: (state) =>
      state.isLost ? breaks(state, 'the final sync took changes from a tracker that had lost some') : state,
  },
});
