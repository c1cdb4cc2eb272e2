import { closeSync, fdatasyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { err, ok, type Result } from '#core/result';
import type { PageError, PageStore } from '#replicator/pipeline/digest-store';
import { pageLength } from '#replicator/pipeline/merkle';
import { detailOf } from './durable-file.ts';

/** Pages of digests in a sparse file, made if it is not there. Whoever opens it knows whether its content can be trusted. */
export function pageFile(path: string): Result<PageStore, PageError> {
  const handle = attempt(() => openSync(path, 'a+', 0o600));
  if (!handle.ok) return handle;
  closeSync(handle.value);
  // 'a+' makes the file without cutting it, but would write at its end only.
  const opened = attempt(() => openSync(path, 'r+'));
  return opened.ok ? ok(pagesIn(opened.value)) : opened;
}

function pagesIn(handle: number): PageStore {
  return {
    read: (page, into) =>
      attempt(() => {
        let filled = 0;
        while (filled < into.length) {
          const count = readSync(handle, into, filled, into.length - filled, page * pageLength + filled);
          if (count === 0) break;
          filled += count;
        }
        // Beyond the end of the file nothing was ever written.
        into.fill(0, filled);
      }),
    write: (page, from) =>
      attempt(() => {
        for (let written = 0; written < from.length;)
          written += writeSync(handle, from, written, from.length - written, page * pageLength + written);
      }),
    flush: () => attempt(() => fdatasyncSync(handle)),
    clear: () => attempt(() => ftruncateSync(handle, 0)),
    close: () => closeSync(handle),
  };
}

function attempt<T>(work: () => T): Result<T, PageError> {
  try {
    return ok(work());
  } catch (cause) {
    return err({ type: 'PageFailed', detail: detailOf(cause) });
  }
}
