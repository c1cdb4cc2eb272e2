import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';

/** The folders a person works in. */
export const workFolders = ['core', 'replicator', 'simulator', 'scenarios', 'web', 'bench', 'test'] as const;

const skipped = new Set(['node_modules', 'dist', 'data']);

/** Every file below `folder`, by path from the root of the checkout, in order. */
export const filesBelow = (folder: string): readonly string[] =>
  readdirSync(folder, { withFileTypes: true })
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return skipped.has(entry.name) ? [] : filesBelow(path);
      return entry.isFile() ? [path] : [];
    });

/** Every file of the project outside its root, by path from the root. */
export const projectFiles = (): readonly string[] => workFolders.flatMap(filesBelow);

/** The folders that hold those files, and the ones above them. */
export const foldersOf = (files: readonly string[]): readonly string[] => {
  const folders = new Set<string>();
  for (const file of files) for (let at = dirname(file); at !== '.'; at = dirname(at)) folders.add(at);
  return [...folders].toSorted();
};
