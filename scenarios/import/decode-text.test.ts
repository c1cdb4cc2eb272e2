import { describe, expect, it } from 'vitest';
import { decodeText } from './decode-text.ts';

describe('the text of a file', () => {
  it.each([
    ['UTF-8', [0x6b, 0xc3, 0xbc]],
    ['UTF-8 with a mark', [0xef, 0xbb, 0xbf, 0x6b, 0xc3, 0xbc]],
    ['UTF-16, as PowerShell redirects it', [0xff, 0xfe, 0x6b, 0x00, 0xfc, 0x00]],
    ['UTF-16 the other way round', [0xfe, 0xff, 0x00, 0x6b, 0x00, 0xfc]],
    ['the code page of Western Windows', [0x6b, 0xfc]],
  ])('is read from %s', (_, content) => expect(decodeText(Uint8Array.from(content))).toBe('kü'));
});
