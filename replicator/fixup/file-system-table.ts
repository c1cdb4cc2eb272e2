/** One line of fstab. */
export interface TableEntry {
  /** Which line of the file, from 0. */
  readonly line: number;
  readonly device: string;
  readonly mountpoint: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** The entries of an fstab, in order. Comments and lines that are none are left out. */
export function parseTable(text: string): readonly TableEntry[] {
  return text.split('\n').flatMap((content, line) => {
    const [device, mountpoint, type, options = ''] = content.trim().split(/\s+/);
    if (
      device === undefined ||
      device === '' ||
      device.startsWith('#') ||
      mountpoint === undefined ||
      type === undefined
    )
      return [];
    return [{ line, device, mountpoint: unescaped(mountpoint), type, options: options.split(',') }];
  });
}

/** The same text with the first word of one line replaced, and the columns as they were. */
export function withFirstWord(text: string, line: number, word: string): string {
  const lines = text.split('\n');
  lines[line] = (lines[line] ?? '').replace(/^(\s*)\S+/, (_, space: string) => `${space}${word}`);
  return lines.join('\n');
}

// Blanks in a mountpoint are written in octal, as in /proc/mounts.
const unescaped = (word: string): string =>
  word.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
