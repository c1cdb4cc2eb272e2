import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';
import { revision, type EventLog, type ProposedFact, type StreamId } from '#core/event-log/event-log';
import { openSqliteEventLog } from '#core/event-log/sqlite';
import { factId } from '#core/ids';
import { instant } from '#core/units';
import { appendHistory, median } from './measure.ts';

/**
 * Appends facts to the SQLite log and reads them all, against a bare better-sqlite3 loop with the same tables, durability
 * (write-ahead log, synchronous FULL) and batches, turn by turn, so that whatever else the machine does falls on both.
 * The bare loop stringifies and parses the same JSON; it judges no revision, hashes nothing and answers nobody.
 *
 *     npx tsx bench/event-log.ts [--rounds 21] [--facts 100000] [--folder /some/disk]
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '21' },
    /** How many facts the log that is read has. */
    facts: { type: 'string', default: '100000' },
    /** Where the files are: the disk that is synced. */
    folder: { type: 'string', default: tmpdir() },
  },
});
const rounds = Number(values.rounds);

/** How facts come: `writers` at a time append batches of `batch`, each to its own stream, `appends` times. */
interface Shape {
  readonly name: string;
  readonly writers: number;
  readonly batch: number;
  readonly appends: number;
}

const shapes: readonly Shape[] = [
  { name: 'appendOne', writers: 1, batch: 1, appends: 100 },
  { name: 'appendTen', writers: 1, batch: 10, appends: 60 },
  { name: 'appendHundred', writers: 1, batch: 100, appends: 20 },
  { name: 'hundredWriters', writers: 100, batch: 1, appends: 20 },
];

const folder = mkdtempSync(join(values.folder, 'sealift-bench-'));
const log = await openLog(join(folder, 'ours.db'));
const bare = openBare(join(folder, 'bare.db'));
const insert = bare.prepare('INSERT INTO facts (stream, revision, id, type, data, metadata) VALUES (?, ?, ?, ?, ?, ?)');
try {
  console.log(`${rounds} rounds in ${values.folder}; ${cpus().length} cores (${cpus()[0]?.model ?? '?'})`);
  const ratios: Record<string, number> = {};
  for (const shape of shapes) ratios[shape.name] = await compareAppends(shape);
  ratios['read'] = await compareReads(Number(values.facts));
  appendHistory('event-log', ratios);
} finally {
  await log.close();
  bare.close();
  rmSync(folder, { recursive: true });
}

async function compareAppends(shape: Shape): Promise<number> {
  const ours: number[] = [];
  const theirs: number[] = [];
  // The first rounds warm up the compiler and the page cache.
  for (let round = -3; round < rounds; round += 1) {
    const turns = turnsOf(shape, round + 3);
    let [ourMs, bareMs] = [0, 0];
    // One turn each, so that a disk that is slow for a moment is slow for both.
    for (const turn of turns) {
      bareMs += await elapsed(async () => appendBare(turn));
      ourMs += await elapsed(() => appendOurs(turn));
    }
    if (round < 0) continue;
    theirs.push(bareMs);
    ours.push(ourMs);
  }
  const facts = shape.writers * shape.batch * shape.appends;
  const what = `append, ${shape.writers} writer${shape.writers > 1 ? 's' : ''}, batches of ${shape.batch}`;
  return report(what, facts, ours, theirs);
}

/** One batch of one writer, and the revision it starts at. */
interface Batch {
  readonly stream: StreamId;
  readonly from: number;
  readonly facts: readonly ProposedFact[];
}

/** What all writers append in each turn, made before the clock starts. */
function turnsOf({ name, writers, batch, appends }: Shape, round: number): readonly (readonly Batch[])[] {
  return Array.from({ length: appends }, (_, turn) =>
    Array.from({ length: writers }, (__, writer) => ({
      stream: `migration-${name}.${round}.${writer}` as StreamId,
      from: turn * batch,
      facts: Array.from({ length: batch }, (___, which) => fact(turn * batch + which)),
    })),
  );
}

function fact(n: number): ProposedFact {
  return {
    id: factId(randomUUID()),
    type: 'RoundCompleted',
    data: {
      round: n,
      disk: 'vda',
      sentBytes: 123_456_789 + n,
      dirtyBytes: 9_876_543,
      durationMs: 60_213,
      digest: '9f86d081',
    },
    metadata: {
      time: instant(1_700_000_000_000 + n),
      actor: 'driver',
      correlationId: 'wave-7',
      causationId: factId('6f1c9a52-8c9e-4c9d-9a54-2f5f7c1d0b11'),
      schemaVersion: 2,
      model: { id: 'migration', version: '1' },
    },
  };
}

/** Every writer waits for its answer before it appends again, as a driver does. */
async function appendOurs(turn: readonly Batch[]): Promise<void> {
  const appended = await Promise.all(
    turn.map(({ stream, from, facts }) => log.append(stream, facts, from === 0 ? 'none' : revision(from - 1))),
  );
  for (const answer of appended) if (!answer.ok) throw new Error(JSON.stringify(answer.error));
}

/** One transaction for what all writers have in one turn: the batch that the log makes of it. */
function appendBare(turn: readonly Batch[]): void {
  const previousHash = '0'.repeat(64);
  bare.exec('BEGIN IMMEDIATE');
  for (const { stream, from, facts } of turn)
    facts.forEach(({ id, type, data, metadata }, i) =>
      insert.run(stream, from + i, id, type, JSON.stringify(data), JSON.stringify({ ...metadata, previousHash })),
    );
  bare.exec('COMMIT');
}

async function compareReads(facts: number): Promise<number> {
  const have = (): number => Number(bare.prepare('SELECT count(*) FROM facts').pluck().get());
  const filling: Shape = { name: 'filling', writers: 1, batch: 1_000, appends: 1 };
  for (let round = 0; have() < facts; round += 1) {
    for (const turn of turnsOf(filling, round)) {
      appendBare(turn);
      await appendOurs(turn);
    }
  }
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = -1; round < Math.ceil(rounds / 3); round += 1) {
    const bareMs = await elapsed(async () => readBare());
    const ourMs = await elapsed(readOurs);
    if (round < 0) continue;
    theirs.push(bareMs);
    ours.push(ourMs);
  }
  return report(`read all`, have(), ours, theirs);
}

async function readOurs(): Promise<void> {
  let sum = 0;
  for await (const { data } of log.readAll()) sum += (data as { round: number }).round;
  if (sum === 0) throw new Error('nothing was read');
}

function readBare(): void {
  let sum = 0;
  const all = bare.prepare<[], { data: string; metadata: string }>('SELECT * FROM facts ORDER BY position');
  for (const row of all.iterate()) {
    sum += (JSON.parse(row.data) as { round: number }).round;
    JSON.parse(row.metadata);
  }
  if (sum === 0) throw new Error('nothing was read');
}

async function elapsed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function report(what: string, facts: number, ours: readonly number[], theirs: readonly number[]): number {
  const ratios = ours.map((ms, i) => (theirs[i] ?? Number.NaN) / ms);
  const ratio = Number(median(ratios).toFixed(3));
  const rate = (times: readonly number[]): string => Math.round((facts / median(times)) * 1_000).toLocaleString('en');
  console.log(
    `${what}: ${ratio.toFixed(2)} x bare better-sqlite3 (best ${Math.max(...ratios).toFixed(2)}, worst ${Math.min(...ratios).toFixed(2)}; ${rate(ours)} against ${rate(theirs)} facts/s)`,
  );
  return ratio;
}

async function openLog(path: string): Promise<EventLog> {
  const opened = await openSqliteEventLog({ path, mode: 'create' });
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  return opened.value;
}

/** A file with the very same tables: one that the log made, opened without it. */
function openBare(path: string): Database.Database {
  const database = new Database(path);
  const source = new Database(join(folder, 'ours.db'), { readonly: true });
  const schema = source.prepare<[], string>('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL').pluck().all();
  source.close();
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  for (const sql of schema) database.exec(sql);
  return database;
}
