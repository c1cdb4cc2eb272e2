import { breaks, migrationLaw } from './law.ts';

/** L1: what was copied is not copied again because something failed. */
export const replicaKept = migrationLaw({
  id: 'L1',
  slug: 'replica-kept',
  statement: 'A replica, whole or in part, is never deleted by failure handling, cancel or rollback.',
  incident: 'a copy of 3.10 TiB and 6.5 hours was deleted by clean-up after a guest refused to shut down',
  start: { target: '', isCopied: false },
  on: {
    MigrationDrafted: (state, { data }) => ({ ...state, target: data.plan.target }),
    ReplicationInitiated: (state) =>
      state.isCopied ? breaks(state, 'replication begins anew although there was a whole replica') : state,
    RoundCompleted: (state, { data }) => {
      if (data.kind !== 'full') return state;
      const next = { ...state, isCopied: true };
      return state.isCopied ? breaks(next, `round ${data.round} is a full sync, and there was a whole replica`) : next;
    },
    SourceReleased: (state, { data }) =>
      state.target !== '' && data.removed.includes(state.target)
        ? breaks(state, `the replica ${state.target} was removed with what was left at the source`)
        : state,
  },
});
