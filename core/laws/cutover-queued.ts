import { breaks, migrationLaw } from './law.ts';

interface Queue {
  readonly isWaiting: boolean;
  readonly isRoundRunning: boolean;
  readonly isHeldUp: boolean;
}

/** L9: who asks for a cutover at a bad moment gets it at the next good one. */
export const cutoverQueued = migrationLaw<Queue>({
  id: 'L9',
  slug: 'cutover-queued',
  statement: 'A cutover requested during a round is queued: not lost, and not fatal.',
  incident: 'a cutover that was asked for while a snapshot was copied failed the migration',
  start: { isWaiting: false, isRoundRunning: false, isHeldUp: false },
  on: {
    CutoverStarted: (state) => ({ ...state, isWaiting: true }),
    CutoverRevoked: (state) => ({ ...state, isWaiting: false }),
    CancellationRequested: (state) => ({ ...state, isWaiting: false }),
    RoundProgressed: (state) => ({ ...state, isRoundRunning: true, isHeldUp: false }),
    RoundCompleted: (state) => ({ ...state, isRoundRunning: false, isHeldUp: false }),
    ReplicationStalled: (state) => ({ ...state, isRoundRunning: false, isHeldUp: true }),
    ReplicationDisconnected: (state) => ({ ...state, isRoundRunning: false, isHeldUp: true }),
    ReplicationPaused: (state) => ({ ...state, isRoundRunning: false, isHeldUp: true }),
    ReplicationResumed: (state) => ({ ...state, isHeldUp: false }),
    TrackingLost: (state) => ({ ...state, isRoundRunning: false }),
    RescanRequested: (state) => ({ ...state, isRoundRunning: false }),
    EffectRequested: (state, { data }) => {
      if (data.effect !== 'quiesceSource') return state;
      const next = { ...state, isWaiting: false };
      return state.isRoundRunning ? breaks(next, 'the source is quiesced in the middle of a round') : next;
    },
  },
  // Held up, it waits for what the log names; a person sees that.
  whenOver: ({ isWaiting, isHeldUp }) =>
    isWaiting && !isHeldUp ? 'a cutover was asked for and never came' : undefined,
});
