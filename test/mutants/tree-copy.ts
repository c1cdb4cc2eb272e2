import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { applied, type Mutant } from './mutant.ts';

/** A copy of the checkout in which one thing at a time is broken. The checkout itself is never touched. */
export interface TreeCopy {
  readonly root: string;
  /** Runs work with a mutant in place, and takes it out again whatever comes of it. */
  mutated<T>(mutant: Mutant, work: () => Promise<T>): Promise<T>;
  remove(): void;
}

/** Every file that is in the repository or would be with the next commit, by path. */
function filesOfCheckout(): readonly string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  return listed
    .split('\0')
    .filter((path) => path !== '' && existsSync(path))
    .toSorted();
}

/** What tells one state of the checkout from another: results of one are worth nothing for the other. */
export function treeHash(): string {
  const hash = createHash('sha256');
  for (const path of filesOfCheckout()) hash.update(`${path}\0`).update(readFileSync(path)).update('\0');
  return hash.digest('hex');
}

/** Copies the checkout into a temporary folder, with its packages linked. */
export function copyTree(): TreeCopy {
  const root = mkdtempSync(join(tmpdir(), 'sealift-mutant-'));
  for (const path of filesOfCheckout()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    copyFileSync(path, join(root, path));
  }
  symlinkSync(realpathSync('node_modules'), join(root, 'node_modules'));
  return {
    root,
    mutated: async (mutant, work) => {
      const path = join(root, mutant.file);
      const source = readFileSync(path, 'utf8');
      writeFileSync(path, applied(source, mutant));
      try {
        return await work();
      } finally {
        writeFileSync(path, source);
      }
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
