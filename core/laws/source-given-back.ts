import type { Reason } from '#core/migration/facts';
import { breaks, migrationLaw } from './law.ts';

interface Found {
  readonly source: 'running' | 'paused' | 'off' | 'unknown' | undefined;
  readonly foundWhen: 'when it was quiesced' | 'when it was last found';
  readonly isVouchedFor: boolean;
  /** It is connected: people write to it. */
  readonly hasTarget: boolean;
  /** A step of the cutover failed, and nobody has begun to take it back. */
  readonly failed: string | undefined;
}

const nothingFound: Found = {
  source: undefined,
  foundWhen: 'when it was quiesced',
  isVouchedFor: false,
  hasTarget: false,
  failed: undefined,
};

const fails = (state: Found, step: string): Found => ({ ...state, failed: step });

/**
 * Somebody else started a source that we had found at rest, or had stopped: a cluster after its host failed, or a person.
 * From then on that is how it was found. Whoever stops it again in a rollback takes a service away that somebody wants.
 */
const foundAgain = (state: Found, { data: { reason } }: { readonly data: { readonly reason: Reason } }): Found =>
  reason.type === 'SourceRuns' ? { ...state, source: 'running', foundWhen: 'when it was last found' } : state;

const cutoverSteps: ReadonlySet<string> = new Set(['fenceSource', 'fixUpReplica', 'launchTarget', 'connectTarget']);

/** L3: whoever takes a cutover back leaves the source as it was last found. */
export const sourceGivenBack = migrationLaw<Found>({
  id: 'L3',
  slug: 'source-given-back',
  statement:
    'After a failed cutover the source ends as it was last found, or the migration is in a state that asks a person; what was written to a target is given up by whoever says so.',
  incident: 'a cancelled cutover only logged that the source could not be powered on, and left it off',
  start: nothingFound,
  on: {
    CutoverStarted: () => nothingFound,
    // A second request finds what the first one left, so the first finding counts.
    SourceQuiesced: (state, { data }) => ({ ...state, source: state.source ?? data.found }),
    FinalSyncFailed: (state, fact) => fails(foundAgain(state, fact), 'the final sync'),
    FencingFailed: (state, fact) => fails(foundAgain(state, fact), 'fencing'),
    FixUpFailed: (state) => fails(state, 'the fix-up'),
    LaunchFailed: (state) => fails(state, 'the launch'),
    ConnectionFailed: (state, fact) => fails(foundAgain(state, fact), 'connecting'),
    EffectRequested: (state, { data: { effect } }) => {
      // Taking it back has begun: what was written to a target is given up, and another try decides nothing.
      if (effect === 'rollBack') return { ...state, hasTarget: false, failed: undefined };
      return state.failed !== undefined && cutoverSteps.has(effect)
        ? breaks({ ...state, failed: undefined }, `${state.failed} failed, and the cutover goes on with ${effect}`)
        : state;
    },
    TargetConnected: (state) => ({ ...state, hasTarget: true }),
    RollbackRequested: (state, { data: { acceptLossOfTargetWrites } }) =>
      state.hasTarget && !acceptLossOfTargetWrites
        ? breaks(state, 'the target is given up with what was written to it, and nobody said that it may be')
        : state,
    RollbackFailed: foundAgain,
    OutcomeDecided: (state, { data }) => ({ ...state, isVouchedFor: data.outcome === 'done' }),
    RolledBack: (state, { data: { source } }) => {
      const was = state.source ?? 'unknown';
      if (source === 'unknown' && !state.isVouchedFor)
        return breaks(nothingFound, 'the cutover was taken back, and nobody knows how the source stands');
      if (was !== 'unknown' && source !== 'unknown' && source !== was)
        return breaks(nothingFound, `the source was ${was} ${state.foundWhen} and is ${source} after the rollback`);
      return nothingFound;
    },
  },
});
