import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Few } from './few.ts';

const key = fc.constantFrom('m@1/0', 'm@1/1', 'm@2/0', 'm@12/0');
const change = fc.oneof(
  fc.record({ type: fc.constant('set' as const), key, value: fc.nat() }),
  fc.record({ type: fc.constant('delete' as const), key }),
  fc.record({ type: fc.constant('clear' as const) }),
);

it('is a map, whatever is done to it', () =>
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const few = new Few<number>();
      const map = new Map<string, number>();
      for (const each of changes) {
        if (each.type === 'set') {
          few.set(each.key, each.value);
          map.set(each.key, each.value);
        } else if (each.type === 'delete') expect(few.delete(each.key)).toBe(map.delete(each.key));
        else {
          few.clear();
          map.clear();
        }
        expect(few.size).toBe(map.size);
        expect(few.keys()).toEqual([...map.keys()]);
        expect(few.values()).toEqual([...map.values()]);
        for (const name of ['m@1/0', 'm@12/0']) {
          expect(few.has(name)).toBe(map.has(name));
          expect(few.get(name)).toBe(map.get(name));
        }
      }
    }),
  ));

it('may be changed by whoever goes through it', () => {
  const few = new Few<number>();
  for (const name of ['a', 'b', 'c']) few.set(name, 0);
  for (const name of few.keys()) few.delete(name);
  expect(few.size).toBe(0);
});
