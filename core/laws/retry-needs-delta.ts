import { breaks, migrationLaw } from './law.ts';

/** L8: taking a cutover back costs nothing of what was copied. */
export const retryNeedsDelta = migrationLaw({
  id: 'L8',
  slug: 'retry-needs-delta',
  statement: 'After a failed fix-up or launch, a retry needs a delta, never a full copy.',
  incident: 'a migration whose conversion failed had to copy its disks from the start',
  start: { isRolledBack: false, mayRescan: false },
  on: {
    TrackingLost: (state) => ({ ...state, mayRescan: true }),
    RescanRequested: (state) => ({ ...state, mayRescan: true }),
    FinalSyncFailed: (state, { data }) => ({ ...state, mayRescan: state.mayRescan || data.trackingLost }),
    RolledBack: (state) => ({ ...state, isRolledBack: true }),
    RoundCompleted: (state, { data }) => {
      // A rescan that is due stays due until one is through, whatever else happens meanwhile.
      const mayRescan = state.mayRescan && data.kind === 'delta';
      if (!state.isRolledBack && mayRescan === state.mayRescan) return state;
      const next = { isRolledBack: false, mayRescan };
      if (!state.isRolledBack || data.kind === 'delta') return next;
      if (data.kind === 'full') return breaks(next, `round ${data.round} copies everything after a rollback`);
      return state.mayRescan
        ? next
        : breaks(next, `round ${data.round} rescans after a rollback, and tracking was not lost`);
    },
  },
});
