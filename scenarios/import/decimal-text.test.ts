import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDecimal } from './decimal-text.ts';

describe('a number in a sheet', () => {
  it.each([
    ['1024', '.', 1024],
    ['1,024', '.', 1024],
    ['1,024', ',', 1.024],
    ['1.024', ',', 1024],
    ['1.024', '.', 1.024],
    ['1.024,5', '.', 1024.5],
    ['1,024.5', ',', 1024.5],
    ['1,048,576', ',', 1_048_576],
    ['1.048.576', '.', 1_048_576],
    ['12,5', '.', 12.5],
    ['12,5', ',', 12.5],
    ['0.125', ',', 0.125],
    ['1 024', '.', 1024],
    ['1\u202F024,25', ',', 1024.25],
    ["1'024", '.', 1024],
  ] as const)('%s with "%s" for fractions is %d', (text, decimal, number) =>
    expect(parseDecimal(text, decimal)).toBe(number),
  );

  it.each(['', 'lots', '1,02,3', '1.024.5', '-5', '1e3', '1,', ',5', '1,024,5', '1.2.3,4'])('%j is none', (text) =>
    expect(parseDecimal(text, '.')).toBeUndefined(),
  );

  it('is read again however a country writes it', () =>
    fc.assert(
      fc.property(
        fc.nat(10_000_000),
        fc.constantFrom(['.', ','] as const, [',', '.'] as const),
        (n, [group, decimal]) => {
          const text = `${String(n).replaceAll(/\B(?=(?:\d{3})+$)/g, group)}${decimal}25`;
          expect(parseDecimal(text, decimal)).toBe(n + 0.25);
        },
      ),
    ));
});
