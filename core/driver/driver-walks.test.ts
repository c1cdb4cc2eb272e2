import fc from 'fast-check';
import { describe, it } from 'vitest';
import { anyDriverDraws, soundDrivers } from '#test/support/driver-walks';
import { anyPlan } from '#test/support/model-walks';

describe('drivers of one migration, whatever happens to them', () => {
  it('write one log, know it, and do nothing twice', () =>
    fc.assert(
      fc.property(anyPlan, anyDriverDraws, (plan, draws) => soundDrivers(plan, draws)),
      { numRuns: 300 },
    ));
});
