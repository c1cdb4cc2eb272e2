/**
 * Group commit: what makes durable appends affordable. Syncing a disk costs far more than writing a fact, so all appends
 * that were asked for by the time the event loop comes round share one transaction and one sync. Each is still judged by
 * itself, before a row of it is written, and each is added whole or not at all.
 *
 *     append A --+
 *     append B --+--> [ BEGIN  judge A, write A   judge B: conflict   judge C, write C  COMMIT+sync ] --> answer A, B, C
 *     append C --+
 *
 * A group that fails as a whole (no space, an I/O error) is tried again one append at a time, so that one that is too big
 * does not take others with it.
 */
import type Database from 'better-sqlite3';
import { err, ok, type Result } from '#core/result';
import { checkBatch } from './append-rule.ts';
import {
  LogReadError,
  type AppendError,
  type Appended,
  type ExpectedRevision,
  type ProposedFact,
  type StreamId,
} from './event-log.ts';
import { filePlace } from './sqlite-place.ts';
import { batchWriter } from './sqlite-batch.ts';
import { asCoded, detailOf } from './sqlite-file.ts';

/** The writing side of a log file. */
export interface SqliteAppender {
  append(
    stream: StreamId,
    facts: readonly ProposedFact[],
    expected: ExpectedRevision,
  ): Promise<Result<Appended, AppendError>>;
  /** Takes no more, and resolves when all that were taken are answered. */
  finish(): Promise<void>;
}

// One transaction holds the event loop until it is synced. This many facts take some ten milliseconds.
const groupFactsMax = 2_048;
// A process that writes holds the lock for milliseconds. One that holds it longer than this is stuck, or is a person
// with a transaction open in a shell.
const lockPatienceMs = 5_000;
const lockRetryMs = 20;

interface Waiting {
  readonly stream: StreamId;
  readonly facts: readonly ProposedFact[];
  readonly expected: ExpectedRevision;
  readonly since: number;
  readonly answer: (result: Result<Appended, AppendError>) => void;
  readonly reject: (error: unknown) => void;
}

/** What came of one append. `threw` is a mistake of the caller, who hears of it as such. */
type Answer = Result<Appended, AppendError> | { readonly threw: unknown };

/** `onAdded` is called after each commit that added facts. */
export function sqliteAppender(database: Database.Database, where: string, onAdded: () => void): SqliteAppender {
  const write = groupWriter(database, where);
  const place = filePlace(where);
  const waiting: Waiting[] = [];
  let scheduled = false;
  let finished = false;
  const onIdle: (() => void)[] = [];

  const flush = (): void => {
    scheduled = false;
    const group = takeGroup(waiting);
    const trouble = place.isKept() ? undefined : 'the file was moved, replaced or deleted while in use';
    const outcome = trouble === undefined ? write(group) : 'lost';
    if (outcome === 'locked') return retryWhenUnlocked(group);
    const answers = outcome === 'lost' ? group.map(() => unavailable(where, trouble ?? '')) : outcome;
    let isNews = false;
    group.forEach(({ answer, reject }, i) => {
      const mine = answers[i] ?? unavailable(where, 'no answer');
      if ('threw' in mine) return reject(mine.threw);
      isNews ||= mine.ok;
      answer(mine);
    });
    if (isNews) onAdded();
    schedule();
  };
  const schedule = (): void => {
    if (scheduled) return;
    if (waiting.length === 0) {
      if (finished) place.close();
      for (const go of onIdle.splice(0)) go();
      return;
    }
    scheduled = true;
    setImmediate(flush);
  };
  const retryWhenUnlocked = (group: readonly Waiting[]): void => {
    const patience = performance.now() - lockPatienceMs;
    for (const { since, answer } of group)
      if (since < patience) answer(unavailable(where, 'another process holds its write lock; close what has it open'));
    waiting.unshift(...group.filter(({ since }) => since >= patience));
    if (waiting.length === 0) return schedule();
    scheduled = true;
    setTimeout(flush, lockRetryMs);
  };

  return {
    append: (stream, facts, expected) => {
      checkBatch(facts);
      if (finished) return Promise.resolve(err({ type: 'LogClosed' }));
      return new Promise((answer, reject) => {
        waiting.push({ stream, facts, expected, since: performance.now(), answer, reject });
        schedule();
      });
    },
    finish: () => {
      finished = true;
      return new Promise((resolve) => {
        onIdle.push(resolve);
        schedule();
      });
    },
  };
}

function takeGroup(waiting: Waiting[]): Waiting[] {
  let facts = 0;
  const end = waiting.findIndex((one, i) => {
    facts += one.facts.length;
    return i > 0 && facts > groupFactsMax;
  });
  return waiting.splice(0, end < 0 ? waiting.length : end);
}

const unavailable = (where: string, detail: string, written: 'no' | 'unknown' = 'no'): Result<Appended, AppendError> =>
  err({ type: 'LogUnavailable', where, detail, written });

type Answers = readonly Answer[];

/** Writes a group of appends in one transaction, or says that another process holds the lock. */
function groupWriter(database: Database.Database, where: string): (group: readonly Waiting[]) => Answers | 'locked' {
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  const rollback = database.prepare('ROLLBACK');
  const others = database.prepare<[], number>('PRAGMA data_version').pluck();
  const add = batchWriter(database, where);
  let othersSeen = -1;

  const failed = (error: unknown, stage: 'writing' | 'committing'): Answer => {
    // After some errors SQLite has rolled back already.
    if (database.inTransaction) rollback.run();
    add.forget();
    if (error instanceof LogReadError) return unavailable(where, error.message);
    const { code } = asCoded(error);
    if (!code.startsWith('SQLITE_')) return { threw: error };
    const detail = detailOf(error);
    if (code === 'SQLITE_FULL') return err({ type: 'LogFull', where, detail });
    // A commit that failed in the middle of writing or syncing may yet be found after a crash.
    const written = stage === 'committing' && code.startsWith('SQLITE_IOERR') ? 'unknown' : 'no';
    return unavailable(where, detail, written);
  };

  const write = (group: readonly Waiting[]): Answers | 'locked' => {
    let stage: 'writing' | 'committing' = 'writing';
    try {
      begin.run();
      const version = others.get() ?? -1;
      if (version !== othersSeen) add.forget();
      othersSeen = version;
      const judged = group.map((one) => add.batch(one));
      const positionOfRow = add.insertAll();
      stage = 'committing';
      commit.run();
      return judged.map((answer) =>
        answer.type === 'added'
          ? ok({ revision: answer.revision, position: positionOfRow(answer.row) })
          : answer.result,
      );
    } catch (error) {
      if (!database.inTransaction && asCoded(error).code.startsWith('SQLITE_BUSY')) return 'locked';
      const failure = failed(error, stage);
      return group.length === 1 ? [failure] : alone(group);
    }
  };
  const alone = (group: readonly Waiting[]): Answers =>
    group.flatMap((one) => {
      const answers = write([one]);
      return answers === 'locked' ? [unavailable(where, 'another process holds its write lock')] : answers;
    });
  return write;
}
