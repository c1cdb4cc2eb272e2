import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { folderGuestSystem } from '#replicator/sentinel/folder-guest-system';
import type { GuestControl, RunProgram } from '#replicator/sentinel/guest-system';

/** A guest of files in a folder of its own, for a test; `end` takes the folder away. */
export interface FolderGuest {
  readonly system: GuestControl;
  end(): Promise<void>;
}

/** Lays out files as a guest would have them. A path that ends in a slash is an empty folder. */
export async function guestOfFiles(
  files: Readonly<Record<string, string>>,
  programs: Readonly<Record<string, string>> = {},
): Promise<FolderGuest> {
  const root = await mkdtemp(join(tmpdir(), 'sealift-guest-'));
  for (const [path, text] of Object.entries(files)) {
    const at = join(root, path);
    await mkdir(path.endsWith('/') ? at : dirname(at), { recursive: true });
    if (!path.endsWith('/')) await writeFile(at, text);
  }
  return {
    system: folderGuestSystem(root, answering(programs)),
    end: () => rm(root, { recursive: true, force: true }),
  };
}

/** Programs that say one thing: by their words, or by their name alone; anything else is not there. */
export const answering =
  (programs: Readonly<Record<string, string>>): RunProgram =>
  async (program, args) => {
    const said = programs[[program, ...args].join(' ')] ?? programs[program];
    return said === undefined
      ? { status: null, stdout: '', stderr: `${program}: not there` }
      : { status: 0, stdout: said, stderr: '' };
  };
