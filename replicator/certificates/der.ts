import { invariant } from '#core/invariant';

/*
 * As much of DER as a certificate needs: a value is a tag, a length, and content.
 */

/** One value. */
export function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.of(tag), lengthOf(body.length), body]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const digits: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  return Buffer.of(0x80 | digits.length, ...digits);
}

/** An ordered list of values. */
export const sequence = (...values: readonly Uint8Array[]): Buffer => der(0x30, ...values);
/** An unordered one; here always with one member. */
export const setOf = (value: Uint8Array): Buffer => der(0x31, value);
/** Bytes. */
export const octets = (value: Uint8Array): Buffer => der(0x04, value);
/** Text. */
export const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text));
export const boolean = (value: boolean): Buffer => der(0x01, Buffer.of(value ? 0xff : 0));
/** A value under a number that its context explains. */
export const tagged = (number: number, ...content: readonly Uint8Array[]): Buffer => der(0xa0 | number, ...content);
/** Plain bytes under a number that its context explains. */
export const taggedBytes = (number: number, content: Uint8Array): Buffer => der(0x80 | number, content);

/** A natural number, from its bytes. */
export function integer(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Buffer.of(0) : Buffer.from(bytes.subarray(first));
  // The highest bit is the sign.
  return der(0x02, (digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), digits]) : digits);
}

/** Bits, of which the last `unused` of the last byte are none. */
export const bits = (content: Uint8Array, unused = 0): Buffer => der(0x03, Buffer.of(unused), content);

/** An object identifier, from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split('.').map(Number);
  invariant(first !== undefined && second !== undefined, `${dotted} is not an object identifier`);
  const content = [first * 40 + second];
  for (const part of rest) {
    const digits = [part % 128];
    for (let left = Math.floor(part / 128); left > 0; left = Math.floor(left / 128))
      digits.unshift((left % 128) | 0x80);
    content.push(...digits);
  }
  return der(0x06, Buffer.from(content));
}

/** A moment, to the second. Two digits for the year until 2049 and four from then on, as certificates want it. */
export function time(epochMs: number): Buffer {
  const text = new Date(epochMs).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return Number(text.slice(0, 4)) < 2050 ? der(0x17, Buffer.from(text.slice(2))) : der(0x18, Buffer.from(text));
}
