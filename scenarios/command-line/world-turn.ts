import { nextTick } from 'node:process';
import { setImmediate as eventLoopTurn } from 'node:timers/promises';

// A tenth of a millisecond of work, about. Between two of these Node hears of nothing, and says of no promise that nobody
// caught it.
const turnsPerLoop = 256;

/**
 * The turn for one world in which nothing waits but promises. What a promise has to do is done before Node carries out the
 * next tick, and a tick costs a tenth of a turn of the event loop; of those there is one now and then, always at the same
 * places of the same world, so that what nobody caught ends it there.
 */
export function worldTurn(): () => Promise<void> {
  let turns = 0;
  return () => {
    turns += 1;
    return turns % turnsPerLoop === 0 ? eventLoopTurn() : new Promise((resolve) => nextTick(resolve));
  };
}
