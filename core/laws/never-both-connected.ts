import type { SideEffectType } from '#core/migration/effects';
import { breaks, migrationLaw } from './law.ts';

const needsFence: ReadonlySet<SideEffectType> = new Set(['launchTarget', 'connectTarget']);

interface Standing {
  /** It is proven that the source cannot run or talk. */
  readonly isFenced: boolean;
  /** A target may run. */
  readonly mayRun: boolean;
  /** Somebody set about stopping it. */
  readonly isTakenBack: boolean;
}

const before: Standing = { isFenced: false, mayRun: false, isTakenBack: false };

const withTarget = ({ isFenced, isTakenBack }: Standing): Standing => ({ isFenced, mayRun: true, isTakenBack });

/** L4: one machine, never two of it on the network. */
export const neverBothConnected = migrationLaw<Standing>({
  id: 'L4',
  slug: 'never-both-connected',
  statement: 'Source and target are never both running with connected NICs.',
  incident: 'a power-off whose answer was lost left two machines with one address',
  start: before,
  on: {
    CutoverStarted: () => before,
    SourceFenced: (state) => ({ ...state, isFenced: true }),
    EffectRequested: (state, { data: { effect } }) => {
      if (effect === 'rollBack') return { ...state, isTakenBack: true };
      if (!needsFence.has(effect)) return state;
      if (!state.isFenced) return breaks(state, `${effect} was asked for, and it is not proven that the source is off`);
      return state.isTakenBack
        ? breaks(state, `${effect} was asked for while the cutover is being taken back`)
        : withTarget(state);
    },
    TargetLaunched: (state) =>
      state.isFenced ? withTarget(state) : breaks(state, 'the target was launched beside a source that may run'),
    TargetConnected: (state) =>
      state.isFenced && !state.isTakenBack
        ? withTarget(state)
        : breaks(state, 'the target was connected beside a source that may run'),
    RolledBack: (state, { data }) =>
      data.source === 'running' && state.mayRun && !state.isTakenBack
        ? breaks(before, 'the source runs again, and nobody stopped the target')
        : before,
  },
});
