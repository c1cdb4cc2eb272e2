import { err, ok, type Result } from '#core/result';
import type { PageError, PageStore } from '#replicator/pipeline/digest-store';
import { pageLength } from '#replicator/pipeline/merkle';
import { detailOf } from './durable-file.ts';
import type { BlockingFile, Files } from './files.ts';
import { nodeFiles } from './node-files.ts';

/** Pages of digests in a sparse file, made if it is not there. Whoever opens it knows whether its content can be trusted. */
export function pageFile(path: string, files: Files = nodeFiles): Result<PageStore, PageError> {
  const opened = attempt(() => files.openBlocking(path));
  return opened.ok ? ok(pagesIn(opened.value)) : opened;
}

function pagesIn(file: BlockingFile): PageStore {
  return {
    read: (page, into) =>
      attempt(() => {
        let filled = 0;
        while (filled < into.length) {
          const count = file.read(into, filled, page * pageLength + filled);
          if (count === 0) break;
          filled += count;
        }
        // Beyond the end of the file nothing was ever written.
        into.fill(0, filled);
      }),
    write: (page, from) =>
      attempt(() => {
        for (let written = 0; written < from.length;) written += file.write(from, written, page * pageLength + written);
      }),
    flush: () => attempt(() => file.datasync()),
    clear: () => attempt(() => file.truncate(0)),
    close: () => file.close(),
  };
}

function attempt<T>(work: () => T): Result<T, PageError> {
  try {
    return ok(work());
  } catch (cause) {
    return err({ type: 'PageFailed', detail: detailOf(cause) });
  }
}
