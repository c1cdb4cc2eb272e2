import { breaks, migrationLaw } from './law.ts';

interface Found {
  readonly source: 'running' | 'paused' | 'off' | 'unknown' | undefined;
  readonly isVouchedFor: boolean;
}

const nothingFound: Found = { source: undefined, isVouchedFor: false };

/** L3: whoever takes a cutover back leaves the source as it was found. */
export const sourceGivenBack = migrationLaw<Found>({
  id: 'L3',
  slug: 'source-given-back',
  statement:
    'After a failed cutover the source ends as it was found, or the migration is in a state that asks a person.',
  incident: 'a cancelled cutover only logged that the source could not be powered on, and left it off',
  start: nothingFound,
  on: {
    CutoverStarted: () => nothingFound,
    // A second request finds what the first one left, so the first finding counts.
    SourceQuiesced: (state, { data }) => ({ ...state, source: state.source ?? data.found }),
    OutcomeDecided: (state, { data }) => ({ ...state, isVouchedFor: data.outcome === 'done' }),
    RolledBack: (state, { data: { source } }) => {
      const was = state.source ?? 'unknown';
      if (source === 'unknown' && !state.isVouchedFor)
        return breaks(nothingFound, 'the cutover was taken back, and nobody knows how the source stands');
      if (was !== 'unknown' && source !== 'unknown' && source !== was)
        return breaks(nothingFound, `the source was ${was} when it was quiesced and is ${source} after the rollback`);
      return nothingFound;
    },
  },
});
