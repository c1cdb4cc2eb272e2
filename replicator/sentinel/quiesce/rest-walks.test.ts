import fc from 'fast-check';
import { describe, it } from 'vitest';
import { anyRestWalk, soundRest } from '#test/support/rest-walks';

describe('a guest, whatever is asked of its sentinel', () => {
  it('is what is said of it, and serves again when it is brought back', () =>
    fc.assert(fc.asyncProperty(anyRestWalk, soundRest), { numRuns: 300 }));
});
