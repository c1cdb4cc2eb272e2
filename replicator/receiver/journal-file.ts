import { err, ok, type Result } from '#core/result';
import { codeOf, createFile, detailOf, replaceFile, writeAll } from '#replicator/disk/durable-file';
import type { Files, OpenFile } from '#replicator/disk/files';
import { nodeFiles } from '#replicator/disk/node-files';
import type { JournalStore, JournalStoreError } from './replica.ts';

const failed = (cause: unknown): JournalStoreError => ({ type: 'JournalFailed', detail: detailOf(cause) });

/** The file with the journal of what is kept under `records`. */
export const journalPathOf = (records: string): string => `${records}.sealift-journal`;

/** The bytes of a journal, or undefined if there is none. */
export async function readJournalFile(
  path: string,
  files: Files = nodeFiles,
): Promise<Result<Uint8Array | undefined, JournalStoreError>> {
  try {
    return ok(await files.readFile(path));
  } catch (cause) {
    return codeOf(cause) === 'ENOENT' ? ok(undefined) : err(failed(cause));
  }
}

/** Makes a journal where there is none. `taken` if there is one after all. */
export async function createJournalFile(
  path: string,
  content: Uint8Array,
  files: Files = nodeFiles,
): Promise<Result<'made' | 'taken', JournalStoreError>> {
  try {
    await createFile(path, content, { files });
    return ok('made');
  } catch (cause) {
    return codeOf(cause) === 'EEXIST' ? ok('taken') : err(failed(cause));
  }
}

/** A journal in a file of which the first `length` bytes are sound; the rest is cut off. */
export async function openJournalFile(
  path: string,
  length: number,
  files: Files = nodeFiles,
): Promise<Result<JournalStore, JournalStoreError>> {
  let file: OpenFile;
  try {
    file = await files.open(path, 'update');
    await file.truncate(length);
  } catch (cause) {
    return err(failed(cause));
  }
  return ok(journalFile(files, path, file, length));
}

function journalFile(files: Files, path: string, opened: OpenFile, soundLength: number): JournalStore {
  let file = opened;
  let length = soundLength;
  return {
    get length() {
      return length;
    },
    append: async (record) => {
      try {
        // At a position of our own: after a failed append the next one overwrites the torn one.
        await writeAll(file, record, length);
        await file.datasync();
        length += record.length;
        return ok(undefined);
      } catch (cause) {
        return err(failed(cause));
      }
    },
    replace: async (content) => {
      try {
        await replaceFile(path, content, files);
        const replaced = await files.open(path, 'update');
        await file.close();
        file = replaced;
        length = content.length;
        return ok(undefined);
      } catch (cause) {
        return err(failed(cause));
      }
    },
    close: () => file.close().catch(() => undefined),
  };
}
