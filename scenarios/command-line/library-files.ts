import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Refused } from '#core/text/refused';
import { findInLibrary, libraryOf, type LibraryFile } from '#scenarios/library';

/** Every scenario file in a folder. */
export async function readLibrary(folder: string): Promise<readonly LibraryFile[]> {
  const paths = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).map((name) => join(folder, name));
  return Promise.all(paths.map(async (path) => ({ path, text: await readFile(path, 'utf8') })));
}

/** The file that a word of the command line stands for: a path, or a name in the library. Refused if it is neither. */
export async function scenarioFile(word: string, folder: string): Promise<string> {
  // What somebody has in their own folder is meant before what comes with Sealift.
  const own = await stat(word).catch(() => undefined);
  if (own?.isFile()) return word;
  const found = findInLibrary(word, libraryOf(await readLibrary(folder)));
  if (!found.ok) throw new Refused(found.error);
  return found.value.path;
}
