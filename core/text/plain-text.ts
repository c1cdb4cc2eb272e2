/*
 * Text that a guest, a hypervisor or a tool wrote, as it may be shown. What tells a terminal to do something is taken out,
 * and what would not be seen, or would make text read as something else, is shown by a sign. Nothing else is lost.
 */

/* oxlint-disable no-control-regex -- they are what is looked for */

// In this order: sequences that carry a string, control sequences, the short ones. A string that does not end stays, without
// what began it: half a sequence must not take the text after it along. No part of a string can begin another one, so that
// time is linear in the text.
const stringSequence =
  /(?:\u001B[P\]X^_]|[\u0090\u0098\u009D-\u009F])[^\u0007\u001B\u0090\u0098\u009C-\u009F\n]*(?:\u0007|\u001B\\|\u009C)/g;
const controlSequence = /(?:\u001B\[|\u009B)[0-?]*[ -/]*[@-~]?/g;
const shortSequence = /\u001B[ -/]*[0-~]?/g;
// Everything that is no tab and no new line: C0, DEL, C1, and what turns the direction of text or breaks lines unseen.
const unseen = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069\uFEFF]/g;

const special = new RegExp(unseen.source);

/** The text without terminal sequences, its lines ended by `\n`, and control characters as signs: `␀`, `⟨U+202E⟩`. */
export function plainText(text: string): string {
  // Most text is plain, and pages ask with every frame.
  if (!special.test(text)) return text;
  return (
    text
      .replaceAll(/\r(?=[\r\n])/g, '')
      .replaceAll(stringSequence, '')
      .replaceAll(controlSequence, '')
      .replaceAll(shortSequence, '')
      // A terminal would write over the line. Whatever was there has been said too.
      .replaceAll('\r', '\n')
      .replaceAll(unseen, signOf)
  );
}

/** The same on one line. */
export const plainLine = (text: string): string => plainText(text).replaceAll(/[\t\n]+/g, ' ');

function signOf(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  return `\u27E8U+${code.toString(16).toUpperCase().padStart(4, '0')}\u27E9`;
}
