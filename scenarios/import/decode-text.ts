/**
 * The text of a file as Windows and spreadsheets write it: UTF-8 or UTF-16 with or without a mark, or, if it is no UTF-8,
 * the code page of Western Windows.
 */
export function decodeText(content: Uint8Array): string {
  const [first, second] = content;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(content);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(content);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch (error) {
    // What no UTF-8 decodes to is not an error of this program, and every byte means something in that code page.
    if (!(error instanceof TypeError)) throw error;
    return new TextDecoder('windows-1252').decode(content);
  }
}
