/**
 * The rows of one transaction. Appends are judged one after the other, each in the light of those before it; their rows
 * are put in together, several by one statement, which costs a quarter less per row than one by one.
 */
import type Database from 'better-sqlite3';
import { invariant } from '#core/invariant';
import { err, ok, type Result } from '#core/result';
import { judgeAppend, type StreamEnd } from './append-rule.ts';
import { chained, chainStart, hashOf } from './chain.ts';
import type {
  AppendError,
  Appended,
  ExpectedRevision,
  Position,
  ProposedFact,
  Revision,
  StreamId,
} from './event-log.ts';
import { columns, factOf, type Row } from './sqlite-row.ts';

/** One append, as it was asked for. */
export interface Batch {
  readonly stream: StreamId;
  readonly facts: readonly ProposedFact[];
  readonly expected: ExpectedRevision;
}

/** What was made of an append: rows, of which the last is `row` (counted from the start of the transaction), or an answer. */
export type Judged =
  | { readonly type: 'added'; readonly revision: Revision; readonly row: number }
  | { readonly type: 'answered'; readonly result: Result<Appended, AppendError> };

/** Writes the batches of one transaction after the other. */
export interface BatchWriter {
  /** Judges one append. Call it within a transaction. */
  batch(one: Batch): Judged;
  /** Puts the rows in that are not yet, and tells which position each got. Call it before the transaction ends. */
  insertAll(): (row: number) => Position;
  /** Others wrote, or what was written was rolled back. */
  forget(): void;
}

/** The last fact of a stream: its revision (-1 for none) and the hash its successor carries. */
interface Head {
  readonly last: number;
  readonly hash: string;
}

// The ends of so many streams are remembered, about 200 bytes each; beyond, they are read again.
const headsMax = 50_000;

/** A writer for an open log file. `where` is its path, for errors. */
export function batchWriter(database: Database.Database, where: string): BatchWriter {
  const heads = new Map<StreamId, Head>();
  const rows = rowWriter(database);
  const lastOf = database
    .prepare<[string], Row>(`SELECT ${columns} FROM facts WHERE stream = ? ORDER BY revision DESC LIMIT 1`)
    .raw();
  const idsOf = database
    .prepare<[string, number, number], string>(
      'SELECT id FROM facts WHERE stream = ? AND revision >= ? ORDER BY revision LIMIT ?',
    )
    .pluck();
  const positionOf = database
    .prepare<[string, number], number>('SELECT position FROM facts WHERE stream = ? AND revision = ?')
    .pluck();

  const headOf = (stream: StreamId): Head => {
    const row = lastOf.get(stream);
    if (row === undefined) return { last: -1, hash: chainStart };
    const fact = factOf(row, where);
    return { last: fact.revision, hash: hashOf(fact) };
  };
  const remember = (stream: StreamId, head: Head): void => {
    if (heads.size >= headsMax) {
      // From here on heads are read from the file again, so all rows must be there.
      rows.flush();
      heads.clear();
    }
    heads.set(stream, head);
  };
  const add = (stream: StreamId, facts: readonly ProposedFact[], { last, hash }: Head): Judged => {
    let revision = last;
    let previousHash = hash;
    let row = 0;
    for (const fact of facts) {
      revision += 1;
      const link = chained(stream, revision, fact, previousHash);
      previousHash = link.hash;
      row = rows.add(stream, revision, fact.id, fact.type, link.data, link.metadata);
    }
    remember(stream, { last: revision, hash: previousHash });
    return { type: 'added', revision: revision as Revision, row };
  };

  return {
    batch({ stream, facts, expected }) {
      const head = heads.get(stream) ?? headOf(stream);
      const idsFrom: StreamEnd['idsFrom'] = (first, count) => {
        rows.flush();
        return idsOf.all(stream, first, count);
      };
      const verdict = judgeAppend(facts, expected, { last: head.last, idsFrom });
      switch (verdict.type) {
        case 'add':
          return add(stream, facts, head);
        case 'repeat': {
          const position = (positionOf.get(stream, verdict.last) ?? 0) as Position;
          return { type: 'answered', result: ok({ revision: verdict.last as Revision, position }) };
        }
        case 'conflict': {
          const actual = head.last < 0 ? 'none' : (head.last as Revision);
          return { type: 'answered', result: err({ type: 'RevisionConflict', stream, expected, actual }) };
        }
      }
    },
    insertAll: () => rows.end(),
    forget: () => {
      heads.clear();
      rows.forget();
    },
  };
}

interface RowWriter {
  /** Takes a row, and says the how manieth of the transaction it is. */
  add(stream: string, revision: number, id: string, type: string, data: string, metadata: string): number;
  /** Puts in what was taken. */
  flush(): void;
  /** Puts in what was taken, tells which position each row of the transaction got, and starts anew. */
  end(): (row: number) => Position;
  /** Drops what was taken. */
  forget(): void;
}

const rowsAtOnce = 16;
const valuesPerRow = 6;

function rowWriter(database: Database.Database): RowWriter {
  const prepare = (count: number): Database.Statement<unknown[]> =>
    database.prepare(
      `INSERT INTO facts (stream, revision, id, type, data, metadata) VALUES ${Array(count).fill('(?, ?, ?, ?, ?, ?)').join(', ')}`,
    );
  const insertOne = prepare(1);
  const insertMany = prepare(rowsAtOnce);
  let values: (string | number)[] = [];
  let taken = 0;
  let lastPosition = 0;

  const insert = (statement: Database.Statement<unknown[]>, count: number, of: (string | number)[]): void => {
    const position = Number(statement.run(of).lastInsertRowid);
    // Positions are handed out one after the other under the lock of the transaction; answers rely on it.
    invariant(lastPosition === 0 || position === lastPosition + count, 'positions of one transaction are consecutive');
    lastPosition = position;
  };
  const flush = (): void => {
    for (let at = 0; at < values.length; at += valuesPerRow) insert(insertOne, 1, values.slice(at, at + valuesPerRow));
    values = [];
  };
  const reset = (): void => {
    values = [];
    taken = 0;
    lastPosition = 0;
  };
  return {
    add: (stream, revision, id, type, data, metadata) => {
      values.push(stream, revision, id, type, data, metadata);
      if (values.length === rowsAtOnce * valuesPerRow) {
        insert(insertMany, rowsAtOnce, values);
        values = [];
      }
      return taken++;
    },
    flush,
    end: () => {
      flush();
      const first = lastPosition - taken + 1;
      reset();
      return (row) => (first + row) as Position;
    },
    forget: reset,
  };
}
