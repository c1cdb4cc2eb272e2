import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A real file system of a few KiB, to be filled up and set read-only. */
export interface SmallDisk {
  readonly folder: string;
  setReadOnly(readOnly: boolean): void;
  remove(): void;
}

/** Whether this process may mount, as `needs` answers for programs. */
export function mountRights(): { readonly available: boolean; title(text: string): string } {
  const disk = mountSmallDisk(64);
  disk?.remove();
  return {
    available: disk !== undefined,
    title: (text) => (disk === undefined ? `${text} (needs the right to mount)` : text),
  };
}

/** Mounts one, or gives undefined where this process may not mount. */
export function mountSmallDisk(sizeKib: number): SmallDisk | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'sealift-disk-'));
  const mount = (...options: readonly string[]): boolean =>
    spawnSync('mount', ['-t', 'tmpfs', '-o', options.join(','), 'sealift-test', folder], { stdio: 'ignore' }).status ===
    0;
  if (!mount(`size=${sizeKib}k`)) {
    rmdirSync(folder);
    return undefined;
  }
  return {
    folder,
    setReadOnly: (readOnly) => {
      if (!mount('remount', `size=${sizeKib}k`, readOnly ? 'ro' : 'rw')) throw new Error('not remounted');
    },
    remove: () => {
      spawnSync('umount', ['--lazy', folder], { stdio: 'ignore' });
      rmdirSync(folder);
    },
  };
}
