import fc from 'fast-check';
import { describe, it } from 'vitest';
import { anyConductedWave, anyWaveDraws, soundWave } from '#test/support/wave-walks';

describe('waves, whatever their plan and whatever happens', () => {
  it('keep every law of waves, and come to an end', () =>
    fc.assert(
      fc.property(anyConductedWave, anyWaveDraws, (wave, draws) => soundWave(wave, draws)),
      { numRuns: 60 },
    ));
});
