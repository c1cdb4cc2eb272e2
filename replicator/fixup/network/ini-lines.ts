import type { Change } from './changes.ts';
import type { Place, Term, TermKind } from './network.ts';

/** One `key=value` of a file with sections, and where its line is. */
export interface IniLine {
  readonly section: string;
  readonly key: string;
  readonly value: string;
  readonly place: Place;
}

/** The settings of a file of systemd or NetworkManager, in order. Comments begin a line with # or ;. */
export function iniLines(path: string, text: string): readonly IniLine[] {
  const lines: IniLine[] = [];
  let section = '';
  let start = 0;
  for (const line of text.split('\n')) {
    const end = start + line.length;
    const head = /^\s*\[([^\]]+)\]\s*$/.exec(line)?.[1];
    if (head !== undefined) section = head;
    const [, key, value = ''] = /^\s*([^\s#;=[][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined) lines.push({ section, key, value, place: { path, start, end } });
    start = end + 1;
  }
  return lines;
}

/** The last value of a key, which counts. Sections may have old names beside new ones. */
export const settingOf = (lines: readonly IniLine[], section: string, ...keys: readonly string[]): string | undefined =>
  lines.findLast((line) => line.section === section && keys.includes(line.key))?.value;

/** A term for each line of a section that has one of these keys. */
export function termsIn(
  lines: readonly IniLine[],
  section: string,
  keys: Readonly<Record<string, TermKind>>,
  valuesOf: (value: string) => readonly string[],
): readonly Term[] {
  return lines.flatMap((line) => {
    const by = line.section === section ? keys[line.key] : undefined;
    const values = by === undefined ? [] : valuesOf(line.value);
    return by === undefined || values.length === 0 ? [] : [{ by, values, key: line.key, place: line.place }];
  });
}

/** Writes a change of a line: its blanks and its key stay; one value in place of one stays in its quotes. */
export function writeLine(
  before: string,
  change: Change,
  {
    join,
    keys,
  }: {
    readonly join: (values: readonly string[]) => string;
    /** What a term of another kind is called. */
    readonly keys: Readonly<Record<'name' | 'mac', string>>;
  },
): string {
  const [, head = '', sign = '=', value = ''] = /^(\s*[^=]*?)(\s*=\s*)(.*)$/.exec(before) ?? [];
  const blanks = /^\s*/.exec(head)?.[0] ?? '';
  switch (change.type) {
    case 'drop':
      return `${blanks}# ${before.slice(blanks.length)}`;
    case 'instead':
      return `${blanks}${keys[change.by]}${sign}${change.value}`;
    case 'values': {
      const { values: old } = change.term;
      const [one, by] = [old[0] ?? '', change.values[0] ?? ''];
      const isOne = old.length === 1 && change.values.length === 1 && value.includes(one);
      return `${head}${sign}${isOne ? value.replace(one, () => by) : join(change.values)}`;
    }
  }
}
