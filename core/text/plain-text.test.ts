import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainLine, plainText } from './plain-text.ts';

describe('plain text', () => {
  it.each([
    ['colours', '\u001B[0;32m  OK  \u001B[0m started', '  OK   started'],
    ['moves of the cursor', 'a\u001B[2J\u001B[1;1H\u001B[?25lb', 'ab'],
    ['titles of windows', '\u001B]0;owned\u0007name\u001B]2;x\u001B\\', 'name'],
    ['strings for devices', '\u001BP1$r0m\u001B\\a\u001B_hidden\u001B\\b', 'ab'],
    ['the same in one byte', '\u009B31mred\u009D0;t\u009C', 'red'],
    ['choices of character sets', '\u001B(Ba\u001B)0b\u001B=c', 'abc'],
    ['ends of lines', 'one\r\ntwo\r\r\nthree\rfour', 'one\ntwo\nthree\nfour'],
    ['what is no sequence', 'a [31m b', 'a [31m b'],
    ['other characters', 'Zürich\t日本 👍 é', 'Zürich\t日本 👍 é'],
  ])('leaves out or keeps %s', (_, text, plain) => expect(plainText(text)).toBe(plain));

  it('shows what would not be seen', () =>
    expect(plainText('a\u0000b\u0008c\u007F\u0085\u202Ed\u2028')).toBe('a␀b␈c␡⟨U+0085⟩⟨U+202E⟩d⟨U+2028⟩'));

  it('takes nothing along with a sequence that does not end', () => {
    expect(plainText('\u001B]0;title\nthe reason')).toBe('0;title\nthe reason');
    expect(plainText('\u001B[31')).toBe('');
    expect(plainText('the end \u001B')).toBe('the end ');
  });

  it('never holds a character that a terminal obeys, and never changes twice', () => {
    const nasty = fc.array(
      fc.constantFrom('\u001B', '[', ']', '0', ';', 'm', '\u0007', '\u009B', '\u009D', '\\', '\r', '\n', 'x'),
    );
    fc.assert(
      fc.property(nasty, (parts) => {
        const plain = plainText(parts.join(''));
        // oxlint-disable-next-line no-control-regex -- they are what is looked for
        expect(plain).not.toMatch(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/);
        expect(plainText(plain)).toBe(plain);
      }),
    );
  });

  it('takes time in proportion to the text, whatever is in it', () => {
    for (const part of ['\u009D', '\u001B]', '\u001B[', '\u001BP0', '\r'])
      expect(plainText(part.repeat(100_000)).length).toBeLessThanOrEqual(800_000);
  });

  it('is one line where one line is wanted', () => expect(plainLine('a\r\n\tb\n')).toBe('a b '));
});
