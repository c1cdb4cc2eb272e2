import fc from 'fast-check';
import { describe, it } from 'vitest';
import { anyPipelineWalk, soundPipeline } from '#test/support/pipeline-walks';

describe('a pipeline, whatever becomes of what it asks for', () => {
  it('settles what was acked, closes over nothing else, and ends with nothing in flight', () =>
    fc.assert(fc.property(anyPipelineWalk, soundPipeline), { numRuns: 500 }));
});
