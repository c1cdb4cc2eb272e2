import type { SideEffectType } from '#core/migration/effects';
import { breaks, migrationLaw } from './law.ts';

// What reaches for the power or the network of a machine. Rolling back is among them: it gives back what was taken.
const reaches: ReadonlySet<SideEffectType> = new Set([
  'quiesceSource',
  'fenceSource',
  'launchTarget',
  'connectTarget',
  'rollBack',
]);

/** L2: nobody touches a source that is not being cut over. */
export const sourceUntouched = migrationLaw({
  id: 'L2',
  slug: 'source-untouched',
  statement: 'No power or NIC operation reaches the source before the approved cutover.',
  incident: 'VMs were shut down before their snapshot although the cutover was switched off',
  start: { isCuttingOver: false, isFinalizing: false },
  on: {
    CutoverStarted: (state) => ({ ...state, isCuttingOver: true }),
    CutoverRevoked: (state) => ({ ...state, isCuttingOver: false }),
    RolledBack: (state) => ({ ...state, isCuttingOver: false }),
    FinalizationRequested: (state) => ({ ...state, isFinalizing: true }),
    EffectRequested: (state, { data: { effect } }) => {
      if (reaches.has(effect) && !state.isCuttingOver)
        return breaks(state, `${effect} was asked for, and no cutover is under way`);
      if (effect === 'retireSource' && !state.isFinalizing)
        return breaks(state, 'the source was to be retired, and nobody had finalized the migration');
      return state;
    },
    SourceQuiesced: (state) =>
      state.isCuttingOver ? state : breaks(state, 'the source was brought to rest, and no cutover is under way'),
    SourceFenced: (state) =>
      state.isCuttingOver ? state : breaks(state, 'the source was fenced, and no cutover is under way'),
  },
});
