import type { Millis } from '#core/units';
import { breaks, migrationLaw } from './law.ts';

interface Waiting {
  readonly refreshEvery: Millis | null;
  /** Since when nothing was fetched, with nothing in the log that says why. */
  readonly since: number | null;
  /** A cutover was asked for, and what was written while the replica rested has not been fetched since. */
  readonly isStale: boolean;
}

const busy = (state: Waiting): Waiting =>
  state.since === null ? state : { refreshEvery: state.refreshEvery, since: null, isStale: state.isStale };

/** L13: who waits for a window is kept fresh meanwhile. Twice the interval is allowed: the manager may be restarted. */
export const lagBounded = migrationLaw<Waiting>({
  id: 'L13',
  slug: 'lag-bounded',
  statement:
    'While waiting for an operator or a window, lag stays bounded and the shown downtime forecast stays current.',
  incident: 'a replica that waited for days had a day of writes to fetch in a downtime that was promised to be minutes',
  start: { refreshEvery: null, since: null, isStale: false },
  on: {
    MigrationDrafted: ({ since, isStale }, { data }) => ({ refreshEvery: data.plan.refreshEvery, since, isStale }),
    RoundCompleted: ({ refreshEvery }, _, { at }) => ({ refreshEvery, since: at, isStale: false }),
    CutoverStarted: ({ refreshEvery, since }) => ({ refreshEvery, since, isStale: true }),
    EffectRequested: (state, { data: { effect } }) =>
      effect === 'quiesceSource' && state.isStale
        ? breaks({ ...state, isStale: false }, 'what was written while the replica rested crosses in the downtime')
        : state,
    ReplicationPaused: busy,
    ReplicationStalled: busy,
    ReplicationDisconnected: busy,
    TrackingLost: busy,
    RescanRequested: busy,
    RoundProgressed: busy,
    SourceQuiesced: busy,
    RolledBack: busy,
    DeadlinePassed: (state, { data }, { at }) => {
      if (data.timer !== 'refresh' || state.since === null || state.refreshEvery === null) return state;
      const late = at - state.since - 2 * state.refreshEvery;
      return late > 0
        ? breaks(busy(state), `the refresh came ${Math.round(late / 1000)} s later than twice its interval`)
        : busy(state);
    },
  },
});
