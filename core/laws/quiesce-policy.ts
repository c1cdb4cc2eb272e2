import { seconds, type Millis } from '#core/units';
import { breaks, migrationLaw } from './law.ts';

interface Asked {
  readonly timeout: Millis | null;
  readonly onRefusal: 'force' | 'rollBack';
  /** When the guest was asked. */
  readonly at: number | null;
  /** It refused once in this cutover, and is stopped all the same. */
  readonly isForced: boolean;
  /** It refused, or time ran out: what the plan says comes next. */
  readonly isRefused: boolean;
  readonly isUncertain: boolean;
}

// Between an answer and its fact there is the manager's own time.
const slack = seconds(60);

/** L12: a guest that will not be brought to rest does not hold up a cutover. */
export const quiescePolicy = migrationLaw<Asked>({
  id: 'L12',
  slug: 'quiesce-policy',
  statement: 'A refused or ignored guest shutdown leads to the declared policy within its time limit.',
  incident: 'a guest that ignored its shutdown held a cutover until somebody came, and then lost its copy',
  start: { timeout: null, onRefusal: 'rollBack', at: null, isForced: false, isRefused: false, isUncertain: false },
  on: {
    MigrationDrafted: (state, { data: { plan } }) => ({ ...state, ...plan.quiesce }),
    CutoverStarted: (state) => ({ ...state, at: null, isForced: false, isRefused: false, isUncertain: false }),
    EffectRequested: (state, { data: { effect } }, { at }) => {
      if (effect === 'rollBack') return { ...state, isRefused: false };
      if (effect === 'quiesceSource') {
        const next = { ...state, at, isRefused: false, isForced: state.isForced || state.isRefused };
        // Asked again because an answer was lost, it is asked as before.
        return state.isRefused && (state.onRefusal !== 'force' || state.isForced)
          ? breaks(next, 'the guest refused, and is asked again where the plan says to roll back')
          : next;
      }
      return state.isRefused ? breaks(state, `the guest refused, and ${effect} goes on as if it had not`) : state;
    },
    OutcomeUnknown: (state) => ({ ...state, isUncertain: true }),
    QuiesceRefused: (state) => ({ ...state, isRefused: true }),
    DeadlinePassed: (state, { data }) => (data.timer === 'quiesce' ? { ...state, isRefused: true } : state),
    SourceQuiesced: (state, _, { at }) => {
      const next = { ...state, isRefused: false, at: null };
      if (state.at === null || state.timeout === null || state.isUncertain) return next;
      return at - state.at > state.timeout + slack
        ? breaks(
            next,
            `the guest took ${Math.round((at - state.at) / 1000)} s to come to rest, and the plan allows ${state.timeout / 1000}`,
          )
        : next;
    },
  },
});
