import { statSync, watch, type FSWatcher } from 'node:fs';

/** Whether an open file can still be found where it was opened. */
export interface FilePlace {
  /** False while the name is gone or leads to another file. */
  isKept(): boolean;
  close(): void;
}

// A look costs as much as everything else that a small append does beside its sync. The kernel tells of what happens to
// the file itself; what it does not tell, such as a folder that is moved, is noticed within this time.
const lookEveryMs = 100;

/**
 * Watches the place of a file. An open file goes on taking writes after its name is gone, and every one of them would be
 * lost with it.
 */
export function filePlace(path: string): FilePlace {
  const identity = identityOf(path);
  let lookAfter = 0;
  let watcher: FSWatcher | undefined;
  const lookAlways = (): void => {
    watcher?.close();
    watcher = undefined;
  };
  try {
    watcher = watch(path, { persistent: false }, () => (lookAfter = 0));
    watcher.on('error', lookAlways);
  } catch {
    // A file system that cannot be watched, or too many watches: then every question is a look.
  }
  return {
    isKept: () => {
      const now = performance.now();
      if (watcher !== undefined && now < lookAfter) return true;
      const kept = identityOf(path) === identity;
      lookAfter = kept ? now + lookEveryMs : 0;
      return kept;
    },
    close: lookAlways,
  };
}

function identityOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? 'gone' : `${stats.dev}:${stats.ino}`;
}
