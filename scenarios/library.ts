import { err, ok, type Result } from '#core/result';
import { loadScenario } from './load.ts';
import { nearestWord } from './nearest-word.ts';

/** A scenario file that comes with Sealift, as it was read. */
export interface LibraryFile {
  /** With its folder, as it can be opened: `/usr/lib/sealift/scenarios/bank-weekend.yaml`. */
  readonly path: string;
  readonly text: string;
}

/** One scenario of the library. */
export interface LibraryEntry {
  /** What it is asked for by: the name of its file, without its ending. */
  readonly name: string;
  readonly title: string;
  /** What is learned by running it. */
  readonly why: string;
  readonly path: string;
}

/** The rehearsals among the files, by name. A file that is no scenario is passed over: it is not the user's to mend. */
export const libraryOf = (files: readonly LibraryFile[]): readonly LibraryEntry[] =>
  files
    .flatMap(({ path, text }): readonly LibraryEntry[] => {
      const loaded = loadScenario(text, path);
      if (!loaded.ok || loaded.value.kind !== 'rehearsal') return [];
      const { title, why } = loaded.value;
      return [{ name: nameOf(path), title, why, path }];
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));

/** What a bare word such as `bank-weekend` stands for. The error is for a person: what is near, and what there is. */
export function findInLibrary(word: string, library: readonly LibraryEntry[]): Result<LibraryEntry, string> {
  const found = library.find(({ name, path }) => word === name || word === path || nameOf(word) === name);
  // A path that leads nowhere is a mistake about where, not about which.
  if (found && !/[/\\]/.test(word)) return ok(found);
  const meant =
    found?.name ??
    nearestWord(
      nameOf(word),
      library.map(({ name }) => name),
    );
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return err([`there is no scenario file ${word}${hint}`, ...libraryLines(library)].join('\n'));
}

const nameOf = (path: string): string => path.replace(/^.*[/\\]/, '').replace(/\.ya?ml$/, '');

/** The library for a person, a line each. */
export function libraryLines(library: readonly LibraryEntry[]): readonly string[] {
  const width = Math.max(...library.map(({ name }) => name.length));
  return [
    'Scenarios that come with Sealift:',
    ...library.map(({ name, title }) => `  ${name.padEnd(width)}  ${title}`),
    'Rehearse one by its name, or a file of your own by its path.',
  ];
}
