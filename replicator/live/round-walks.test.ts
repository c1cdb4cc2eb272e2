import fc from 'fast-check';
import { describe, it } from 'vitest';
import { anyRoundWalk, soundRounds } from '#test/support/round-walks';

describe('rounds of one VM, whatever happens to them', () => {
  it(
    'have at the replica what they say they have, and come to an end',
    () => fc.assert(fc.asyncProperty(anyRoundWalk, soundRounds), { numRuns: 40 }),
    120_000,
  );
});
