import fc from 'fast-check';
import { expect, it } from 'vitest';
import { firstOf, indexSet } from './index-set.ts';

it('an index set has what was added and not removed, in order', () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5_000 }),
      fc.array(fc.record({ index: fc.nat(), add: fc.boolean() }), { maxLength: 200 }),
      fc.nat({ max: 50 }),
      (capacity, changes, limit) => {
        const set = indexSet(capacity);
        const expected = new Set<number>();
        for (const { index, add } of changes) {
          const at = index % capacity;
          if (add) set.add(at);
          else set.delete(at);
          if (add) expected.add(at);
          else expected.delete(at);
        }
        const inOrder = [...expected].sort((a, b) => a - b);
        expect(set.size).toBe(expected.size);
        expect(firstOf(set)).toEqual(inOrder);
        expect(firstOf(set, limit)).toEqual(inOrder.slice(0, limit));
      },
    ),
  ));
