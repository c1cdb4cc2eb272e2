import { formatDuration } from '#core/text/format';
import { hours, millis } from '#core/units';
import { breaks, migrationLaw } from './law.ts';

interface Seen {
  readonly round: number;
  readonly done: number;
  readonly at: number;
  /** The longest time between two words of a round so far; null while there was none. */
  readonly pace: number | null;
}

// How often a round is told of differs: every second of one that is watched, every hour of a fleet of thousands. So a
// silence is one that is long, and much longer than those before it.
const silenceMin = hours(1);
const silenceFactor = 4;

/** No round runs. How often rounds are told of stays known. */
const interrupted = ({ pace }: Seen): Seen => ({ round: -1, done: 0, at: 0, pace });
const anew = interrupted({ round: -1, done: 0, at: 0, pace: null });

/** L17: what is shown as done stays done, and all of it means all. */
export const progressMonotone = migrationLaw<Seen>({
  id: 'L17',
  slug: 'progress-monotone',
  statement:
    'Progress is monotone within a round, reaches 100 % only with verified content, and never stands still without a fact that says why.',
  incident: 'a progress that counted holes stood at 99 % for hours, and one that counted retries went backwards',
  start: anew,
  on: {
    RoundProgressed: (state, { data: { round, done, total } }, { at }) => {
      const isSame = state.round === round;
      const gap = isSame ? at - state.at : 0;
      const next = {
        round,
        done: Math.max(done, isSame ? state.done : 0),
        at,
        pace: isSame ? Math.max(state.pace ?? 0, gap) : state.pace,
      };
      if (done > total) return breaks(next, `round ${round} has done ${done} of ${total} bytes`);
      if (state.pace !== null && gap > Math.max(silenceMin, silenceFactor * state.pace))
        return breaks(next, `round ${round} stood still for ${formatDuration(millis(gap))}, and nothing says why`);
      return isSame && done < state.done
        ? breaks(next, `round ${round} went back from ${state.done} to ${done} bytes`)
        : next;
    },
    RoundCompleted: (state, { data: { round, planned, disks } }) => {
      const unverified = planned > 0 ? disks.find(({ root }) => root === '') : undefined;
      return unverified
        ? breaks(anew, `round ${round} was completed without a digest of disk ${unverified.disk}`)
        : interrupted(state);
    },
    ReplicationStalled: interrupted,
    ReplicationDisconnected: interrupted,
    ReplicationPaused: interrupted,
    TrackingLost: interrupted,
    // The rescan that follows it is another round of its number.
    FinalSyncFailed: (state, { data }) => (data.trackingLost ? interrupted(state) : state),
    RescanRequested: interrupted,
  },
});
