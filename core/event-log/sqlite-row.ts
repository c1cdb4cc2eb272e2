import { LogReadError, type RecordedFact } from './event-log.ts';

/** One row of `facts`, as the values of `columns`: SQLite gives lists quicker than objects. */
export type Row = readonly [
  position: number,
  stream: string,
  revision: number,
  id: string,
  type: string,
  data: string,
  metadata: string,
];

/** The columns of a `Row`. */
export const columns = 'position, stream, revision, id, type, data, metadata';

/** How long the two texts of a row are. */
export const charsOf = (row: Row): number => row[5].length + row[6].length;

/** A row as the fact it holds, as stored. Throws `LogReadError` when its JSON is damaged. */
export function factOf([position, stream, revision, id, type, data, metadata]: Row, where: string): RecordedFact {
  const fact = { id, stream, revision, position, type, data: parsed(data), metadata: parsed(metadata) };
  if (fact.data !== undefined && fact.metadata !== undefined) return fact as RecordedFact;
  const detail = `fact ${revision} of ${stream}, at position ${position}, is not readable`;
  throw new LogReadError({ type: 'LogCorrupt', where, detail });
}

function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined; // Its place says more than what a JSON parser thinks of it.
  }
}
