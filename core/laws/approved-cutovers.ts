import { breaks, migrationLaw } from './law.ts';

interface Approval {
  readonly policy: 'given' | 'required' | 'requiredByAnother';
  readonly requester: string;
  readonly by: string | null;
}

/** L23: whoever stops a machine has somebody's word for it. */
export const approvedCutovers = migrationLaw<Approval>({
  id: 'L23',
  slug: 'approved-cutovers',
  statement: 'No approval, no cutover; the approver is not the requester where the policy says so.',
  incident: 'a cutover that nobody had signed off could not be told from one that somebody had',
  start: { policy: 'required', requester: '', by: null },
  on: {
    MigrationDrafted: (state, { data: { plan } }) => ({ ...state, policy: plan.approval, requester: plan.requester }),
    CutoverApproved: (state, { data: { by } }) => {
      const next = { ...state, by };
      return state.policy === 'requiredByAnother' && by === state.requester
        ? breaks(next, `${by} asked for this migration and approved it`)
        : next;
    },
    CutoverRevoked: (state) => ({ ...state, by: null }),
    RolledBack: (state) => ({ ...state, by: null }),
    CutoverStarted: (state) =>
      state.by === null ? breaks(state, 'a cutover was started that nobody approved') : state,
  },
});
