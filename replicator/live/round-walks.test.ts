import fc from 'fast-check';
import { describe, it } from 'vitest';
import { anyRoundWalk, soundRounds } from '#test/support/round-walks';

describe('rounds of one VM, whatever happens to them', () => {
  it(
    'have at the replica what they say they have, and come to an end',
    () => fc.assert(fc.asyncProperty(anyRoundWalk, soundRounds), { numRuns: 30 }),
    120_000,
  );

  it('begin anew when the marks are lost in the final sync, under the same number', () =>
    soundRounds({
      ...{ seed: 438_044_145, vendor: 'kvm', blocks: [2, 2], untracked: true, bandwidth: 100_000, tells: 'all' },
      ...{ writesAt: 6, rounds: 3, finalizes: true, hasLeftovers: false },
      happenings: [
        { name: 'marks are worth nothing', after: 'SourceQuiesced', facts: 1, steps: 75, seconds: 17 },
        { name: 'connections to the gateway stand still', after: 'any', facts: 10, steps: 100, seconds: 20 },
      ],
    }));
});
