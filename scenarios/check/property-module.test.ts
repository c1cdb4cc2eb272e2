import { describe, expect, it } from 'vitest';
import { neverBothConnected } from '#core/laws/never-both-connected';
import { lawsOfModule } from './property-module.ts';

const law = { id: 'L101', slug: 'x', statement: 's', incident: 'i', begin: () => ({ of: () => () => undefined }) };

describe('a module of laws', () => {
  it('may have several, made or to be made, among other things', () =>
    expect(lawsOfModule({ law, other: () => ({ ...law, id: 'L102' }), hour: 3_600 }).map(({ id }) => id)).toEqual([
      'L101',
      'L102',
    ]));

  it.each([
    [{ hour: 3_600 }, /exports no law/],
    [{ law: { ...law, id: 'P1' } }, /named P1; name it like L101/],
    [{ law: { ...law, begin: () => ({ take: () => undefined }) } }, /begin of L101 gives no judge: a judge has of/],
    [{ neverBothConnected }, /named L4, as one of Sealift's own/],
    [
      {
        make: () => {
          throw new TypeError('no such tool');
        },
      },
      /make of the property file does not make a law: no such tool/,
    ],
  ])('is refused in a sentence if it has none that can be taken: %o', (module, says) =>
    expect(() => lawsOfModule(module)).toThrow(says),
  );
});
