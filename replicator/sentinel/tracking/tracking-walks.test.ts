import fc from 'fast-check';
import { describe, it } from 'vitest';
import { anyTrackingWalk, soundTracking } from '#test/support/tracking-walks';

describe('the tracking of a guest, whatever its kernel does', () => {
  it('has every write in a mark, or has lost the mark for a reason', () =>
    fc.assert(fc.asyncProperty(anyTrackingWalk, soundTracking), { numRuns: 200 }));
});
