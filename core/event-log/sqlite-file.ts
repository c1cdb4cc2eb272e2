/**
 * One log, one file: what it looks like inside, how it comes to be, and how a file is judged before anything is written
 * to it. The header is read by hand first, because SQLite itself would make side files next to a database of someone
 * else, or a database out of an empty file.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import Database from 'better-sqlite3';
import { err, ok, type Result } from '#core/result';
import { MiB, type Bytes } from '#core/units';
import { LogReadError, type LogFault } from './event-log.ts';

/** `create` makes the log where there is none; `existing` does not; `readOnly` writes nothing, not even on damage. */
export type SqliteMode = 'create' | 'existing' | 'readOnly';

/** The mark in the header that says the file is ours ("Slft"), for `file(1)` and for us. */
export const applicationId = 0x536c6674;
/** The version of the tables below, in the header as `user_version`. */
export const layoutVersion = 1;

const layout = `
CREATE TABLE facts (
  position INTEGER PRIMARY KEY, -- place in the whole log; grows with time
  stream   TEXT    NOT NULL,    -- category and id: migration-web01, wave-7
  revision INTEGER NOT NULL,    -- number within the stream, from 0, without gaps
  id       TEXT    NOT NULL,    -- the fact's unique name
  type     TEXT    NOT NULL,    -- what happened
  data     TEXT    NOT NULL,    -- JSON: the particulars
  metadata TEXT    NOT NULL     -- JSON: time (ms since 1970), actor, commandId, causationId, correlationId, schemaVersion, model, previousHash
) STRICT;
CREATE UNIQUE INDEX facts_by_stream ON facts (stream, revision);
CREATE VIEW timeline AS -- the log as a person reads it
  SELECT position, strftime('%Y-%m-%d %H:%M:%f', metadata ->> 'time' / 1000.0, 'unixepoch') AS time_utc,
         stream, revision, type, metadata ->> 'actor' AS actor, data
  FROM facts ORDER BY position;
CREATE TRIGGER facts_are_not_changed BEFORE UPDATE ON facts BEGIN SELECT RAISE(ABORT, 'a fact is never changed'); END;
CREATE TRIGGER facts_are_not_removed BEFORE DELETE ON facts BEGIN SELECT RAISE(ABORT, 'a fact is never removed'); END;
PRAGMA application_id = ${applicationId};
PRAGMA user_version = ${layoutVersion};
`;

// Pages are checked one by one up to this size on opening, at some hundred MiB a second. A bigger log is judged by its
// header and, fact by fact, by what is read.
const checkedWholeMax = 64 * MiB;

// How long SQLite itself sleeps for the lock of another process, with our whole process. The append queue waits longer,
// without stopping anything.
const lockWaitMs = 50;
const openLockWaitMs = 5_000;
const checkpointPages = 4_096;

/**
 * Judges the file at an absolute path, makes it if it may, and opens it. `examine` looks at what is in it, by a connection
 * that only reads, and throws what is wrong. Nothing is changed in a file that is refused.
 */
export async function openLogFile(
  where: string,
  mode: SqliteMode,
  examine: (database: Database.Database) => void,
): Promise<Result<Database.Database, LogFault>> {
  const judged = await judgeHeader(where);
  if (!judged.ok) {
    if (judged.error.type !== 'LogNotFound' || mode !== 'create') return judged;
    const created = await create(where);
    if (!created.ok) return created;
  }
  try {
    const reading = openForReading(where, examine);
    if (mode === 'readOnly') return ok(reading);
    reading.close();
    // SQLite would quietly open what may not be written for reading only.
    await (await open(where, 'r+')).close();
    return ok(openForWriting(where));
  } catch (error) {
    const unfinished = asCoded(error).code === 'SQLITE_CANTOPEN' && (await sizeOf(`${where}-wal`)) > 0;
    if (!unfinished) return err(faultOf(error, where));
    const detail = `it was not closed properly, and to read it SQLite must write beside it; copy it and ${basename(where)}-wal to a writable folder`;
    return err({ type: 'LogUnreachable', where, detail });
  }
}

/** Whatever was thrown, as a fault of the log. */
export function faultOf(error: unknown, where: string): LogFault {
  if (error instanceof LogReadError) return error.fault;
  const { code, message } = asCoded(error);
  if (/^SQLITE_(CORRUPT|NOTADB|FORMAT)/.test(code)) return { type: 'LogCorrupt', where, detail: message };
  // The tables we ask for are not as we made them.
  if (code === 'SQLITE_ERROR') return { type: 'LogCorrupt', where, detail: message };
  if (code === 'ENOENT') return { type: 'LogNotFound', where };
  return { type: 'LogUnreachable', where, detail: detailOf(error) };
}

/** What was thrown, in words and with its code. */
export function detailOf(error: unknown): string {
  const { code, message } = asCoded(error);
  return code === '' || message.includes(code) ? message : `${message}, ${code}`;
}

/** The code and message of whatever was thrown. */
export function asCoded(error: unknown): { readonly code: string; readonly message: string } {
  const { code, message } = Object(error) as { readonly code?: unknown; readonly message?: unknown };
  return { code: typeof code === 'string' ? code : '', message: typeof message === 'string' ? message : String(error) };
}

const headerBytes = 100;
const magic = 'SQLite format 3\0';

async function judgeHeader(where: string): Promise<Result<void, LogFault>> {
  let file: FileHandle | undefined;
  try {
    file = await open(where, 'r');
    const { size, isFile } = await file.stat().then((stats) => ({ size: stats.size, isFile: stats.isFile() }));
    if (!isFile) return err({ type: 'LogUnreachable', where, detail: 'it is not a file' });
    const header = Buffer.alloc(headerBytes);
    const { bytesRead } = await file.read(header, 0, headerBytes, 0);
    return judge(header.subarray(0, bytesRead), size, await sizeOf(`${where}-wal`), where);
  } catch (error) {
    return err(faultOf(error, where));
  } finally {
    await file?.close();
  }
}

// Offsets are those of the SQLite file format: 16 page size, 28 page count, 24 and 92 equal when that count is valid,
// 60 user version, 68 application id.
function judge(header: Buffer, size: number, walSize: number, where: string): Result<void, LogFault> {
  if (size === 0) return err({ type: 'LogCorrupt', where, detail: 'the file is empty' });
  if (header.length < headerBytes || header.toString('latin1', 0, magic.length) !== magic)
    return err({ type: 'LogForeign', where, detail: 'no SQLite database' });
  const application = header.readUInt32BE(68);
  if (application !== applicationId) {
    const id = application === 0 ? 'no application id' : `application id 0x${application.toString(16)}`;
    return err({ type: 'LogForeign', where, detail: `a SQLite database of another program, ${id}` });
  }
  const version = header.readUInt32BE(60);
  if (version > layoutVersion)
    return err({ type: 'LogTooNew', where, schemaVersion: version, supported: layoutVersion });
  const pageSize = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
  const expected = header.readUInt32BE(28) * pageSize;
  // While a write-ahead log is there, the rest of the pages may be in it.
  if (header.readUInt32BE(24) === header.readUInt32BE(92) && walSize === 0 && size < expected)
    return err({ type: 'LogCorrupt', where, detail: `it has ${size} of ${expected} bytes, the end is cut off` });
  return ok(undefined);
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

/** Makes the whole log under another name and then gives it its own: no crash leaves half a log, no log is replaced. */
async function create(where: string): Promise<Result<void, LogFault>> {
  const draft = `${where}.creating-${randomUUID()}`;
  try {
    await mkdir(dirname(where), { recursive: true });
    const database = new Database(draft);
    try {
      database.pragma('synchronous = FULL');
      // Not in WAL mode, as a log at rest never is, so that the header is in the file itself.
      database.exec(`BEGIN; ${layout} COMMIT;`);
    } finally {
      database.close();
    }
    await giveName(draft, where);
    await syncFolder(dirname(where));
    return ok(undefined);
  } catch (error) {
    return err(faultOf(error, where));
  } finally {
    await unlink(draft).catch(() => {}); // Gone already when it was renamed.
  }
}

async function giveName(draft: string, where: string): Promise<void> {
  try {
    await link(draft, where);
  } catch (error) {
    const { code } = asCoded(error);
    // Another process was quicker, and its log is as good as ours.
    if (code === 'EEXIST') return;
    // A file system without hard links.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error;
    await rename(draft, where);
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function openForReading(where: string, examine: (database: Database.Database) => void): Database.Database {
  const database = new Database(where, { readonly: true, fileMustExist: true, timeout: openLockWaitMs });
  try {
    const pages = Number(database.pragma('page_count', { simple: true }));
    const pageSize = Number(database.pragma('page_size', { simple: true }));
    const found =
      pages * pageSize > checkedWholeMax ? 'ok' : String(database.pragma('quick_check(1)', { simple: true }));
    if (found !== 'ok') throw new LogReadError({ type: 'LogCorrupt', where, detail: found.replaceAll('\n', ' ') });
    examine(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function openForWriting(where: string): Database.Database {
  const database = new Database(where, { fileMustExist: true, timeout: openLockWaitMs });
  try {
    const journal = database.pragma('journal_mode = WAL', { simple: true });
    if (journal !== 'wal')
      throw new Error(`its file system does not allow write-ahead logging (journal mode is ${String(journal)})`);
    // An acknowledged fact is on the disk: FULL syncs the write-ahead log at every commit. The others make a sync
    // reach the disk on macOS, where the usual one stops at the drive's cache.
    database.pragma('synchronous = FULL');
    database.pragma('fullfsync = ON');
    database.pragma('checkpoint_fullfsync = ON');
    // A fact is safe once it is in the write-ahead log. How far that may grow before it is taken into the file (in pages, 16 MiB)
    // only says how often a page that changes again and again is written there: by default at every few commits.
    database.pragma(`wal_autocheckpoint = ${checkpointPages}`);
    database.pragma(`busy_timeout = ${lockWaitMs}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Closes what `openLogFile` opened. The last writer to leave takes the file out of WAL mode: a log at rest is one file,
 * which also opens on a read-only medium, and whose readers leave nothing beside it.
 */
export function closeLogFile(database: Database.Database): void {
  try {
    if (!database.readonly) {
      database.pragma('busy_timeout = 0');
      database.pragma('journal_mode = DELETE');
    }
  } catch {
    // Others have it open, or there is no room: then the write-ahead log stays beside the file, and nothing is lost.
  } finally {
    database.close();
  }
}

/** Refuses to grow beyond `size`: an append that would is answered `LogFull`. Rounded down to whole pages. */
export function limitSize(database: Database.Database, size: Bytes): void {
  const pageSize = Number(database.pragma('page_size', { simple: true }));
  database.pragma(`max_page_count = ${Math.max(1, Math.floor(size / pageSize))}`);
}
