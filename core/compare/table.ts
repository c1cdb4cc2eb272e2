/** One line of a table: whose, what, and its numbers. */
export interface Row {
  /** Empty where it is that of the row above. */
  readonly subject: string;
  readonly what: string;
  readonly cells: readonly string[];
  /** Said where there is room for it. */
  readonly note: string;
}

/** A table for a terminal. */
export interface Table {
  readonly title: string;
  readonly heads: readonly string[];
  readonly rows: readonly Row[];
  /** Columns. */
  readonly width: number;
}

const gap = '  ';

/**
 * A table as lines: text to the left, numbers to the right. Where it is too narrow, notes are left out first; then
 * subjects stand on a line of their own, for names are never cut.
 */
export function tableLines({ title, heads, rows, width }: Table): readonly string[] {
  const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => text.length));
  const subjectWidth = widest(rows.map(({ subject }) => subject));
  const whatWidth = widest(rows.map(({ what }) => what));
  const cellWidths = heads.map((head, i) => widest([head, ...rows.map(({ cells }) => cells[i] ?? '')]));
  const noteWidth = widest(rows.map(({ note }) => note));
  const numbers = (cells: readonly string[]): string =>
    cellWidths.map((cellWidth, i) => `${gap}${(cells[i] ?? '').padStart(cellWidth)}`).join('');
  const fixed = gap.length + whatWidth + numbers([]).length;
  const isBeside = fixed + subjectWidth + gap.length <= width;
  const hasNotes = isBeside && fixed + subjectWidth + 2 * gap.length + noteWidth <= width;
  const lead = (subject: string, what: string): string =>
    `${gap}${isBeside ? subject.padEnd(subjectWidth) + gap : gap}${what.padEnd(whatWidth)}`;
  const headLead = lead('', '');
  const head =
    title.length <= headLead.length
      ? [`${title.padEnd(headLead.length)}${numbers(heads)}`]
      : [title, `${headLead}${numbers(heads)}`];
  return [
    ...head,
    ...rows.flatMap(({ subject, what, cells, note }) => [
      ...(isBeside || subject === '' ? [] : [`${gap}${subject}`]),
      `${lead(subject, what)}${numbers(cells)}${hasNotes && note !== '' ? `${gap}${note}` : ''}`,
    ]),
  ].map((line) => line.trimEnd());
}
