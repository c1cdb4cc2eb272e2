import type Database from 'better-sqlite3';
import { MiB } from '#core/units';
import {
  LogReadError,
  type Position,
  type ReadAllOptions,
  type ReadStreamOptions,
  type RecordedFact,
  type StreamId,
} from './event-log.ts';
import type { Page } from './follow.ts';
import { faultOf } from './sqlite-file.ts';
import { charsOf, columns, factOf, type Row } from './sqlite-row.ts';
import { upcast } from './upcast.ts';

// Facts are read in pages, each in one go: between two pages nothing is held open, so a slow reader neither keeps the
// writer's log from being merged into the file nor stops appends on the same connection. A page ends early when its
// facts are large, so that memory stays bounded.
const pageFacts = 256;
const pageChars = 4 * MiB;

/** The reading side of a log file. Every read throws `LogReadError`. */
export interface SqliteReader {
  readStream(stream: StreamId, options: ReadStreamOptions): AsyncIterable<RecordedFact>;
  readAll(options: ReadAllOptions): AsyncIterable<RecordedFact>;
  /** The fact at the end of the log, if there is any. */
  newest(): RecordedFact | undefined;
  /** One page of what stands after a position. */
  page(after: Position, category: string | undefined): Page;
}

/** How rows become facts: upcast, unless they are wanted as stored. */
type Decode = (row: Row) => RecordedFact;

/** Reads from a connection that others use too, in page-sized steps. */
export function sqliteReader(database: Database.Database, where: string): SqliteReader {
  const statements = guarded(database, where, () => prepare(database));
  const stored: Decode = (row) => factOf(row, where);
  const current: Decode = (row) => {
    const upcasted = upcast(stored(row), where);
    if (!upcasted.ok) throw new LogReadError(upcasted.error);
    return upcasted.value;
  };
  const take = (rows: () => Iterable<Row>, decode: Decode): RecordedFact[] =>
    guarded(database, where, () => takePage(rows(), decode));
  const end = (): number => guarded(database, where, () => statements.end.get() ?? 0);
  const allAfter = (after: number, until: number, category: string | undefined, limit: number): Iterable<Row> =>
    category === undefined
      ? statements.all.iterate(after, until, limit)
      : statements.ofCategory.iterate(after, until, category, limit);

  return {
    readStream(stream, { from, backwards = false, limit = Infinity, asStored = false }) {
      const decode = asStored ? stored : current;
      let left = limit;
      let last = -1;
      let next: number | undefined;
      return factByFact(() => {
        if (next === undefined) {
          last = guarded(database, where, () => statements.last.get(stream) ?? -1);
          next = backwards ? Math.min(from ?? last, last) : (from ?? 0);
        }
        const at = next;
        const count = Math.min(left, pageFacts);
        if (count <= 0 || (backwards ? at < 0 : at > last)) return [];
        const { forwards, backwards: back } = statements;
        const rows = () => (backwards ? back.iterate(stream, at, count) : forwards.iterate(stream, at, last, count));
        const facts = take(rows, decode);
        left -= facts.length;
        next += backwards ? -facts.length : facts.length;
        return facts;
      });
    },
    readAll({ after = 0 as Position, category, limit = Infinity, asStored = false }) {
      const decode = asStored ? stored : current;
      let left = limit;
      let searched: number = after;
      let until: number | undefined;
      return factByFact(() => {
        const to = (until ??= end());
        const count = Math.min(left, pageFacts);
        if (count <= 0 || searched >= to) return [];
        const facts = take(() => allAfter(searched, to, category, count), decode);
        left -= facts.length;
        searched = facts.at(-1)?.position ?? to;
        return facts;
      });
    },
    newest: () => take(() => allAfter(end() - 1, end(), undefined, 1), current)[0],
    page(after, category) {
      const until = end();
      const facts = take(() => allAfter(after, until, category, pageFacts), current);
      const full = facts.length > 0;
      const searched = Math.max(after, (full ? facts.at(-1)?.position : until) ?? until) as Position;
      return { facts, searched, atEnd: searched >= until };
    },
  };
}

/** Hands out pages one fact at a time, until one is empty. Cheaper than a generator, and there are millions of them. */
function factByFact(nextPage: () => readonly RecordedFact[]): AsyncIterableIterator<RecordedFact> {
  let page: readonly RecordedFact[] = [];
  let at = 0;
  let done = false;
  const next = (): IteratorResult<RecordedFact> => {
    if (at === page.length && !done) {
      page = nextPage();
      at = 0;
      done = page.length === 0;
    }
    const value = page[at];
    if (value === undefined) return { done: true, value: undefined };
    at += 1;
    return { done: false, value };
  };
  const finish = async (): Promise<IteratorResult<RecordedFact>> => {
    [page, at, done] = [[], 0, true];
    return { done: true, value: undefined };
  };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: async () => {
      try {
        return next();
      } catch (error) {
        await finish();
        throw error;
      }
    },
    return: finish,
  };
}

function prepare(database: Database.Database) {
  const rows = <Parameters extends unknown[]>(sql: string) => database.prepare<Parameters, Row>(sql).raw();
  return {
    end: database.prepare<[], number>('SELECT max(position) FROM facts').pluck(),
    last: database.prepare<[string], number>('SELECT max(revision) FROM facts WHERE stream = ?').pluck(),
    forwards: rows<[string, number, number, number]>(
      `SELECT ${columns} FROM facts WHERE stream = ? AND revision BETWEEN ? AND ? ORDER BY revision LIMIT ?`,
    ),
    backwards: rows<[string, number, number]>(
      `SELECT ${columns} FROM facts WHERE stream = ? AND revision <= ? ORDER BY revision DESC LIMIT ?`,
    ),
    all: rows<[number, number, number]>(
      `SELECT ${columns} FROM facts WHERE position > ? AND position <= ? ORDER BY position LIMIT ?`,
    ),
    // The condition is one that no index serves: by position is the order that is asked for, and a category is either
    // most of the log or read seldom.
    ofCategory: rows<
      [number, number, string, number]
    >(`SELECT ${columns} FROM facts WHERE position > ? AND position <= ? AND substr(stream, 1, instr(stream, '-') - 1) = ?
       ORDER BY position LIMIT ?`),
  };
}

function takePage(rows: Iterable<Row>, decode: Decode): RecordedFact[] {
  const facts: RecordedFact[] = [];
  let chars = 0;
  for (const row of rows) {
    facts.push(decode(row));
    chars += charsOf(row);
    if (chars >= pageChars) break;
  }
  return facts;
}

/** What goes wrong in SQLite becomes a fault of the log, once, here. */
function guarded<T>(database: Database.Database, where: string, read: () => T): T {
  if (!database.open) throw new LogReadError({ type: 'LogUnreachable', where, detail: 'it was closed' });
  try {
    return read();
  } catch (cause) {
    if (cause instanceof LogReadError) throw cause;
    throw new LogReadError(faultOf(cause, where), { cause });
  }
}
