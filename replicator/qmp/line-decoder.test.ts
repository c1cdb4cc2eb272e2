import { describe, expect, it } from 'vitest';
import { lineDecoder } from './line-decoder.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('lineDecoder', () => {
  it('gives a line once its end came, however it was cut', () => {
    const decoder = lineDecoder();
    expect(decoder.push(bytes('{"a":'))).toEqual({ ok: true, value: [] });
    expect(decoder.push(bytes('1}\r\n{"b":2}\r\n{'))).toEqual({ ok: true, value: ['{"a":1}', '{"b":2}'] });
    expect(decoder.push(bytes('}\n'))).toEqual({ ok: true, value: ['{}'] });
  });

  it('joins a character that was cut in two', () => {
    const decoder = lineDecoder();
    const snowman = bytes('"\u2603"\n');
    expect(decoder.push(snowman.subarray(0, 2))).toEqual({ ok: true, value: [] });
    expect(decoder.push(snowman.subarray(2))).toEqual({ ok: true, value: ['"\u2603"'] });
  });

  it('keeps its own copy of what has not ended', () => {
    const decoder = lineDecoder();
    const reused = bytes('one');
    decoder.push(reused);
    reused.set(bytes('two'));
    expect(decoder.push(bytes('\n'))).toEqual({ ok: true, value: ['one'] });
  });

  it.each([
    ['in one chunk', ['123456789\n']],
    ['over several chunks', ['12345', '6789']],
    ['that never ends', ['12345', '6789', '0']],
  ])('refuses a line longer than the bound %s', (_, chunks) => {
    const decoder = lineDecoder(8);
    const results = chunks.map((chunk) => decoder.push(bytes(chunk)));
    expect(results.find((result) => !result.ok)).toMatchObject({ error: { type: 'LineTooLong' } });
  });

  it('takes a line of exactly the bound', () => {
    expect(lineDecoder(8).push(bytes('12345678\n'))).toEqual({ ok: true, value: ['12345678'] });
  });

  it('refuses what is not UTF-8', () => {
    expect(lineDecoder().push(new Uint8Array([0x22, 0xff, 0x22, 0x0a]))).toMatchObject({ error: { type: 'NotUtf8' } });
  });
});
