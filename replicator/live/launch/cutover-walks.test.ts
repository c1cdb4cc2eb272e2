import fc from 'fast-check';
import { describe, it } from 'vitest';
import { anyCutoverWalk, soundCutovers } from '#test/support/cutover-walks';

describe('a cutover, whatever happens to it', () => {
  // The same walks each time; the search for mutants goes on from there.
  it('says of its machines what is so, and comes to its end', { timeout: 120_000 }, () =>
    fc.assert(fc.asyncProperty(anyCutoverWalk, soundCutovers), { numRuns: 120, seed: 1 }),
  );
});
