import { breaks, migrationLaw } from './law.ts';

interface Asked {
  /** What was asked of the world, and is not known to have been answered. */
  readonly key: string | null;
  readonly isUnknown: boolean;
}

const certain: Asked = { key: null, isUnknown: false };

/** L22: what may have been done is not done again before somebody has looked. */
export const unknownReconciled = migrationLaw<Asked>({
  id: 'L22',
  slug: 'unknown-reconciled',
  statement: 'An unknown outcome (asked, answer lost) is reconciled before anything is retried.',
  incident: 'a power-off that had been carried out was sent again, to the machine that had been started since',
  start: certain,
  on: {
    EffectRequested: (state, { data: { key, effect } }) => {
      const next = { key, isUnknown: false };
      if (state.isUnknown)
        return breaks(next, `${effect} was asked for before it was known what became of ${state.key}`);
      return state.key === key ? breaks(next, `${effect} was asked for twice under ${key}`) : next;
    },
    OutcomeUnknown: (_, { data: { key } }) => ({ key, isUnknown: true }),
    OutcomeReconciled: (state, { data: { key } }) => (state.key === key ? certain : state),
    OutcomeDecided: (state, { data: { key } }) => (state.key === key ? certain : state),
  },
});
