import { asksOperator, axesOf, hasEnded } from '#core/migration/abilities';
import type { MigrationState } from '#core/migration/evolve';
import { migrationLaw } from './law.ts';

// Where a migration may stay for ever: each waits for a decision, and is kept fresh meanwhile.
const rests = /^(draft|ready|protected|rolledBack|cutOver)$/;

/** L19: nothing is left half-way, whoever died meanwhile. */
export const endsOrStops = migrationLaw({
  id: 'L19',
  slug: 'ends-or-stops',
  statement: 'Dying at any point and restarting ends as if nothing had died, or in a documented stop.',
  incident: 'a cutover hung for ever because the job that tracked it had died',
  start: 0,
  on: { MigrationDrafted: () => 1 },
  whenOver: (_, end, { stream }) => {
    const state = end.state(stream);
    return state === undefined || isAtRest(state)
      ? undefined
      : `it stands in ${axesOf(state).lifecycle} with ${workOf(state)}, and nobody goes on with it`;
  },
});

function isAtRest(state: MigrationState): boolean {
  const { lifecycle, replication, outcome } = axesOf(state);
  if (hasEnded(state) || asksOperator(state) || outcome === 'undecidable') return true;
  // An operator's word is needed where replication is blocked or paused, whatever else is wanted.
  if (replication === 'stalled.blocked' || replication === 'paused') return true;
  return rests.test(lifecycle);
}

const workOf = (state: MigrationState): string =>
  state.work.map(({ effect, standing }) => `${effect.type} ${standing}`).join(', ') || 'nothing to do';
