import { breaks, migrationLaw } from './law.ts';

interface Queue {
  readonly isWaiting: boolean;
  readonly isRoundRunning: boolean;
  readonly isHeldUp: boolean;
}

// There are few states, and each is one object: most facts of a log are asked about here and change nothing.
const states = [false, true].flatMap((isWaiting) =>
  [false, true].flatMap((isRoundRunning) =>
    [false, true].map((isHeldUp): Queue => ({ isWaiting, isRoundRunning, isHeldUp })),
  ),
);
const queue = (isWaiting: boolean, isRoundRunning: boolean, isHeldUp: boolean): Queue =>
  states[(isWaiting ? 4 : 0) + (isRoundRunning ? 2 : 0) + (isHeldUp ? 1 : 0)] as Queue;
const waiting = ({ isRoundRunning, isHeldUp }: Queue, isWaiting: boolean): Queue =>
  queue(isWaiting, isRoundRunning, isHeldUp);
const noRound = ({ isWaiting, isHeldUp }: Queue): Queue => queue(isWaiting, false, isHeldUp);
const heldUp = ({ isWaiting }: Queue): Queue => queue(isWaiting, false, true);

/** L9: who asks for a cutover at a bad moment gets it at the next good one. */
export const cutoverQueued = migrationLaw<Queue>({
  id: 'L9',
  slug: 'cutover-queued',
  statement: 'A cutover requested during a round is queued: not lost, and not fatal.',
  incident: 'a cutover that was asked for while a snapshot was copied failed the migration',
  start: queue(false, false, false),
  on: {
    CutoverStarted: (state) => waiting(state, true),
    CutoverRevoked: (state) => waiting(state, false),
    // Whoever takes it back before the source was asked to stop wants it no more.
    RollbackRequested: (state) => waiting(state, false),
    CancellationRequested: (state) => waiting(state, false),
    RoundProgressed: ({ isWaiting }) => queue(isWaiting, true, false),
    RoundCompleted: ({ isWaiting }) => queue(isWaiting, false, false),
    ReplicationStalled: heldUp,
    ReplicationDisconnected: heldUp,
    ReplicationPaused: heldUp,
    ReplicationResumed: ({ isWaiting, isRoundRunning }) => queue(isWaiting, isRoundRunning, false),
    TrackingLost: noRound,
    RescanRequested: noRound,
    EffectRequested: (state, { data }) => {
      if (data.effect !== 'quiesceSource') return state;
      const next = waiting(state, false);
      return state.isRoundRunning ? breaks(next, 'the source is quiesced in the middle of a round') : next;
    },
  },
  // Held up, it waits for what the log names; a person sees that.
  whenOver: ({ isWaiting, isHeldUp }) =>
    isWaiting && !isHeldUp ? 'a cutover was asked for and never came' : undefined,
});
