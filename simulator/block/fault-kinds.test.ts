import { describe, expect, it } from 'vitest';
import { blockFaultNames, blockFaultOf } from './fault-kinds.ts';

describe('a kind of fault', () => {
  it.each(blockFaultNames)('%s says what happens in one sentence', (kind) => {
    const { what } = blockFaultOf(kind);
    expect(what).toMatch(/^[A-Z][^.]*\.$/);
  });

  it('is one the design promises to survive, or safety alone is demanded of it', () => {
    const promised = blockFaultNames.filter((kind) => blockFaultOf(kind).promised);
    expect(promised.length).toBeGreaterThan(20);
    expect(promised.length).toBeLessThan(blockFaultNames.length);
  });
});
