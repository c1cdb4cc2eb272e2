import type { Millis } from '#core/units';
import { breaks, migrationLaw } from './law.ts';

interface Waiting {
  readonly refreshEvery: Millis | null;
  /** Since when nothing was fetched, with nothing in the log that says why. */
  readonly since: number | null;
}

const busy = (state: Waiting): Waiting =>
  state.since === null ? state : { refreshEvery: state.refreshEvery, since: null };

/** L13: who waits for a window is kept fresh meanwhile. Twice the interval is allowed: the manager may be restarted. */
export const lagBounded = migrationLaw<Waiting>({
  id: 'L13',
  slug: 'lag-bounded',
  statement:
    'While waiting for an operator or a window, lag stays bounded and the shown downtime forecast stays current.',
  incident: 'a replica that waited for days had a day of writes to fetch in a downtime that was promised to be minutes',
  start: { refreshEvery: null, since: null },
  on: {
    MigrationDrafted: ({ since }, { data }) => ({ refreshEvery: data.plan.refreshEvery, since }),
    RoundCompleted: ({ refreshEvery }, _, { at }) => ({ refreshEvery, since: at }),
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
