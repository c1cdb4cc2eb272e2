import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from './canonical-json.ts';

describe('canonicalJson', () => {
  it('puts keys in order at every depth and leaves no space', () =>
    expect(canonicalJson({ b: [{ d: 1, c: 'x' }], a: { f: null, e: true } })).toBe(
      '{"a":{"e":true,"f":null},"b":[{"c":"x","d":1}]}',
    ));

  it('orders keys that look like numbers as text, which no JavaScript object does', () =>
    expect(canonicalJson({ 2: 'two', 10: 'ten', a: [{ 9: 1, 80: 2 }] })).toBe(
      '{"10":"ten","2":"two","a":[{"80":2,"9":1}]}',
    ));

  it('orders keys by UTF-16 code units, so a surrogate pair comes before a private-use letter', () =>
    expect(canonicalJson({ '\u{f8ff}': 1, '\u{1f600}': 2 })).toBe('{"\u{1f600}":2,"\u{f8ff}":1}'));

  it('treats what is no JSON as JSON.stringify does', () => {
    const odd = { b: undefined, a: [undefined, Number.NaN, -Infinity, -0, () => 1] };
    expect(canonicalJson(odd)).toBe('{"a":[null,null,null,0,null]}');
    expect(() => canonicalJson({ size: 1n })).toThrow(TypeError);
  });

  it('puts many keys in order too', () => {
    const keys = Array.from({ length: 100 }, (_, i) => `k${(i * 37) % 100}`);
    const text = canonicalJson(Object.fromEntries(keys.map((key) => [key, 0])));
    expect(Object.keys(JSON.parse(text) as object)).toEqual(keys.toSorted());
  });

  it('keeps a member that is called __proto__', () =>
    expect(canonicalJson(JSON.parse('{"b":1,"__proto__":{"z":1,"a":2}}'))).toBe('{"__proto__":{"a":2,"z":1},"b":1}'));

  it('does not change the value it is given', () => {
    const value = Object.freeze({ b: Object.freeze([Object.freeze({ d: 1, c: 2 })]), a: 0 });
    canonicalJson(value);
    expect(Object.keys(value)).toEqual(['b', 'a']);
  });

  it('is JSON of the same value, and is its own canonical form', () =>
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(text).toHaveLength(JSON.stringify(value).length);
      }),
    ));

  it('does not depend on the order in which members were written', () =>
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })), (object) => {
        const reversed = Object.fromEntries(Object.entries(object).toReversed());
        expect(canonicalJson(reversed)).toBe(canonicalJson(object));
      }),
    ));
});
