import { breaks, migrationLaw } from './law.ts';
import { alsoOfPlannedCutovers } from './wave-members.ts';
import { wavesOf } from './wave-memory.ts';

interface Approval {
  readonly policy: 'given' | 'required' | 'requiredByAnother';
  readonly requester: string;
  readonly by: string | null;
  /** A test launch is to be passed first, and was. */
  readonly mustTest: boolean;
  readonly hasPassed: boolean;
  /** The target did not pass, and nobody has said that it will do. */
  readonly didNotPass: boolean;
}

const ofMigrations = migrationLaw<Approval>({
  id: 'L23',
  slug: 'approved-cutovers',
  statement:
    'No approval, no cutover; the approver is not the requester where the policy says so; no required test and no failed validation is passed over.',
  incident: 'a cutover that nobody had signed off could not be told from one that somebody had',
  start: { policy: 'required', requester: '', by: null, mustTest: false, hasPassed: false, didNotPass: false },
  on: {
    MigrationDrafted: (state, { data: { plan } }) => ({
      ...{ ...state, policy: plan.approval, requester: plan.requester },
      mustTest: plan.testLaunch === 'required',
    }),
    TestJudged: (state, { data: { verdict } }) => ({ ...state, hasPassed: verdict === 'passed' }),
    CutoverApproved: (state, { data: { by } }) => {
      const next = { ...state, by };
      return state.policy === 'requiredByAnother' && by === state.requester
        ? breaks(next, `${by} asked for this migration and approved it`)
        : next;
    },
    CutoverRevoked: (state) => ({ ...state, by: null }),
    RolledBack: (state) => ({ ...state, by: null, didNotPass: false }),
    CutoverStarted: (state) => {
      if (state.by === null) return breaks(state, 'a cutover was started that nobody approved');
      return state.mustTest && !state.hasPassed
        ? breaks(state, 'a cutover was started of a VM that was to pass a test first, and did not')
        : state;
    },
    ValidationFailed: (state) => ({ ...state, didNotPass: true }),
    ValidationWaived: (state) => ({ ...state, didNotPass: false }),
    FinalizationRequested: (state) =>
      state.didNotPass
        ? breaks(state, 'the way back was given up to a target that did not pass, and nobody waived that')
        : state,
  },
});

/** L23: whoever stops a machine has somebody's word for it. */
export const approvedCutovers = alsoOfPlannedCutovers(ofMigrations, (memory, id) => {
  const waves = wavesOf(memory, id);
  return waves.length > 0 && waves.every(({ plan, approvedBy }) => plan.approval && approvedBy === null)
    ? 'the wave began a cutover, and nobody had approved the wave'
    : undefined;
});
