import { resolve } from 'node:path';
import type Database from 'better-sqlite3';
import { err, ok, type Result } from '#core/result';
import type { Bytes } from '#core/units';
import type { EventLog, LogFault } from './event-log.ts';
import { follow, followers, type Followers } from './follow.ts';
import { sqliteAppender, type SqliteAppender } from './sqlite-append.ts';
import { closeLogFile, limitSize, openLogFile, type SqliteMode } from './sqlite-file.ts';
import { sqliteReader } from './sqlite-read.ts';

/** Which file, and what may be done to it. */
export interface SqliteOptions {
  readonly path: string;
  readonly mode: SqliteMode;
  /** The file never grows beyond this: an append that would is answered `LogFull`. Default: what the disk holds. */
  readonly sizeMax?: Bytes;
}

// How often the file is asked whether another process wrote, while a subscriber waits. The question costs microseconds
// (it reads one word of shared memory), and nobody sees a twentieth of a second.
const pollMs = 50;

/**
 * A log in one SQLite file, which any SQLite tool can open while it is in use. An append is answered when its facts are
 * synced to disk. Several processes may have the file open: one that reads sees what another wrote, and of two that
 * write the same stream one is refused.
 *
 * A missing file is made in mode `create`, with its folder. A file that is no log of ours, is damaged or comes from a
 * newer Sealift is refused and left as it was.
 */
export async function openSqliteEventLog({ path, mode, sizeMax }: SqliteOptions): Promise<Result<EventLog, LogFault>> {
  const where = resolve(path);
  // The newest fact tells whether a newer build wrote here, before anyone relies on the rest.
  const opened = await openLogFile(where, mode, (database) => sqliteReader(database, where).newest());
  if (!opened.ok) return opened;
  const database = opened.value;
  if (sizeMax !== undefined && mode !== 'readOnly') limitSize(database, sizeMax);
  return ok(eventLogOn(database, where, mode));
}

function eventLogOn(database: Database.Database, where: string, mode: SqliteMode): EventLog {
  const reader = sqliteReader(database, where);
  const watch = watchOthers(database);
  const line = followers(() => watch.start(line));
  const appender = mode === 'readOnly' ? refusing(where) : sqliteAppender(database, where, () => line.wake());
  let closing: Promise<void> | undefined;
  return {
    append: (stream, facts, expected) => appender.append(stream, facts, expected),
    readStream: (stream, options = {}) => reader.readStream(stream, options),
    readAll: (options = {}) => reader.readAll(options),
    subscribe: ({ category, ...options } = {}) => follow((after) => reader.page(after, category), line, options),
    close: () =>
      (closing ??= appender.finish().then(() => {
        line.end();
        closeLogFile(database);
      })),
  };
}

/** Wakes those who wait when another process has written to the file. Runs only while somebody waits. */
function watchOthers(database: Database.Database): { start(line: Followers): void } {
  const version = database.prepare<[], number>('PRAGMA data_version').pluck();
  // Taken before anything was read, and again only together with a wake: no change can fall in between.
  let seen = version.get();
  let running = false;
  const look = (line: Followers): void => {
    running = false;
    if (line.ended) return;
    const now = current();
    if (now !== seen) line.wake();
    seen = now;
    if (line.waiting > 0) start(line);
  };
  const current = (): number | undefined => {
    try {
      return version.get();
    } catch {
      return undefined; // A change too: those who wait read, and are told what is wrong.
    }
  };
  const start = (line: Followers): void => {
    if (running) return;
    running = true;
    setTimeout(look, pollMs, line);
  };
  return { start };
}

const refusing = (where: string): SqliteAppender => {
  let closed = false;
  return {
    append: async () =>
      err(
        closed
          ? { type: 'LogClosed' }
          : { type: 'LogUnavailable', where, detail: 'it was opened for reading only', written: 'no' },
      ),
    finish: async () => void (closed = true),
  };
};
