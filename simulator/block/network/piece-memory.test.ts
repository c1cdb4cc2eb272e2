import { describe, expect, it } from 'vitest';
import { collectedMemory } from '#simulator/block/world-memory';
import { pieceMax, pieceMemory } from './piece-memory.ts';

describe('the memory of what is on its way', () => {
  it('uses that of a long piece again once it was read, and not before', () => {
    const pieces = pieceMemory(collectedMemory);
    const [first, second] = [pieces.take(5_000), pieces.take(pieceMax)];
    expect(first).toHaveLength(5_000);
    expect(second.buffer).not.toBe(first.buffer);
    pieces.wasRead(first);
    const third = pieces.take(pieceMax);
    expect(third).toHaveLength(pieceMax);
    expect(third.buffer).toBe(first.buffer);
    expect(pieces.take(5_000).buffer).not.toBe(first.buffer);
  });

  it('does not use that of a short one again, which is only as long as the piece', () => {
    const pieces = pieceMemory(collectedMemory);
    pieces.wasRead(pieces.take(100));
    expect(pieces.take(pieceMax)).toHaveLength(pieceMax);
  });
});
