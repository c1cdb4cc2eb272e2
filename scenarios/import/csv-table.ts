import { CsvError, parse } from 'csv-parse/sync';
import { err, ok, type Result } from '#core/result';

/** One row of a sheet: its cells by column. */
export interface CsvRow {
  /** The line on which it begins, from 1. */
  readonly line: number;
  /** What stands in the first of these columns that the sheet has and that is not empty there. */
  readonly cell: (names: readonly string[]) => string | undefined;
}

/** A sheet as spreadsheets export it. */
export interface CsvTable {
  /** Names of columns in lower case. */
  readonly columns: readonly string[];
  readonly rows: readonly CsvRow[];
  /** Rows with more or fewer fields than there are columns. */
  readonly broken: readonly { readonly line: number; readonly message: string }[];
  readonly decimal: ',' | '.';
}

interface Parsed {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/** Reads comma- or semicolon- or tab-separated text with quoted fields. The first row names the columns. */
export function readCsv(text: string): Result<CsvTable, { readonly line: number; readonly message: string }> {
  const { body, delimiter, skipped } = delimiterOf(text);
  const records = recordsOf(body, delimiter);
  if (!records.ok) return err({ ...records.error, line: records.error.line + skipped });
  const [head, ...rest] = records.value;
  const columns = (head?.record ?? []).map(columnName);
  const rows: CsvRow[] = [];
  const broken: { line: number; message: string }[] = [];
  for (const { record, info } of rest) {
    // The parser counts the lines that it has read: a field may have several.
    const line = info.lines - record.reduce((sum, field) => sum + field.split('\n').length - 1, 0) + skipped;
    const extra = record.slice(columns.length).filter((field) => field !== '');
    if (record.every((field) => field === '')) continue;
    if (record.length < columns.length || extra.length > 0)
      broken.push({ line, message: `has ${record.length} fields where the first row has ${columns.length}` });
    else rows.push({ line, cell: (names) => cellOf(record, columns, names) });
  }
  return ok({ columns, rows, broken, decimal: delimiter === ',' ? '.' : ',' });
}

function cellOf(record: readonly string[], columns: readonly string[], names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = record[columns.indexOf(name)];
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}

const columnName = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[\s_]+/g, ' ')
    .trim();

/** The mark that the first row has most of, outside of quotes. A spreadsheet may name it on a line of its own. */
function delimiterOf(text: string): { readonly body: string; readonly delimiter: string; readonly skipped: number } {
  const told = /^\uFEFF?sep=(.)\r?\n/.exec(text);
  if (told) return { body: text.slice(told[0].length), delimiter: told[1] ?? ',', skipped: 1 };
  const [first = ''] = text
    .replace(/^\uFEFF/, '')
    .trimStart()
    .split('\n');
  const unquoted = first.replaceAll(/"[^"]*"/g, '');
  const counts = [',', ';', '\t'].map((delimiter) => ({ delimiter, count: unquoted.split(delimiter).length - 1 }));
  const [most] = counts.toSorted((a, b) => b.count - a.count);
  return { body: text, delimiter: most?.delimiter ?? ',', skipped: 0 };
}

function recordsOf(
  text: string,
  delimiter: string,
): Result<readonly Parsed[], { readonly line: number; readonly message: string }> {
  try {
    const options = {
      ...{ delimiter, bom: true, info: true, trim: true, skip_empty_lines: true },
      // Inches in a name, and rows of another length, are looked at row by row.
      ...{ relax_quotes: true, relax_column_count: true },
    };
    return ok(parse(text, options) as unknown as readonly Parsed[]);
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = typeof error['lines'] === 'number' ? error['lines'] : 1;
    return err({ line, message: csvMistakes[error.code] ?? `is no CSV: ${error.message}` });
  }
}

const csvMistakes: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED:
    'begins a quoted field that never ends; close the quote, or double one that belongs to the text',
  CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE:
    'has more text after a closing quote; double a quote that belongs to the text',
};
