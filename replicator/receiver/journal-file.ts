import { open, readFile, type FileHandle } from 'node:fs/promises';
import { err, ok, type Result } from '#core/result';
import { codeOf, createFile, detailOf, replaceFile } from '#replicator/disk/durable-file';
import type { JournalStore, JournalStoreError } from './replica.ts';

const failed = (cause: unknown): JournalStoreError => ({ type: 'JournalFailed', detail: detailOf(cause) });

/** The bytes of a journal, or undefined if there is none. */
export async function readJournalFile(path: string): Promise<Result<Uint8Array | undefined, JournalStoreError>> {
  try {
    return ok(await readFile(path));
  } catch (cause) {
    return codeOf(cause) === 'ENOENT' ? ok(undefined) : err(failed(cause));
  }
}

/** Makes a journal where there is none. `taken` if there is one after all. */
export async function createJournalFile(
  path: string,
  content: Uint8Array,
): Promise<Result<'made' | 'taken', JournalStoreError>> {
  try {
    await createFile(path, content);
    return ok('made');
  } catch (cause) {
    return codeOf(cause) === 'EEXIST' ? ok('taken') : err(failed(cause));
  }
}

/** A journal in a file of which the first `length` bytes are sound; the rest is cut off. */
export async function openJournalFile(path: string, length: number): Promise<Result<JournalStore, JournalStoreError>> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r+');
    await handle.truncate(length);
  } catch (cause) {
    return err(failed(cause));
  }
  return ok(journalFile(path, handle, length));
}

function journalFile(path: string, opened: FileHandle, soundLength: number): JournalStore {
  let handle = opened;
  let length = soundLength;
  return {
    get length() {
      return length;
    },
    append: async (record) => {
      try {
        // At a position of our own: after a failed append the next one overwrites the torn one.
        for (let written = 0; written < record.length;)
          written += (await handle.write(record, written, record.length - written, length + written)).bytesWritten;
        await handle.datasync();
        length += record.length;
        return ok(undefined);
      } catch (cause) {
        return err(failed(cause));
      }
    },
    replace: async (content) => {
      try {
        await replaceFile(path, content);
        const replaced = await open(path, 'r+');
        await handle.close();
        handle = replaced;
        length = content.length;
        return ok(undefined);
      } catch (cause) {
        return err(failed(cause));
      }
    },
    close: () => handle.close().catch(() => undefined),
  };
}
