import fc from 'fast-check';
import { describe, it } from 'vitest';
import { anyLogWalk, soundLog } from '#test/support/log-walks';

describe('a log that somebody has changed', () => {
  it('does not pass its audit, and what a newer build wrote is not read', () =>
    fc.assert(fc.asyncProperty(anyLogWalk, soundLog), { numRuns: 200 }));
});
