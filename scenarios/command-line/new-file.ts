import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Refused } from '#core/text/refused';

/** Refuses a name that is taken: what somebody has kept is never written over. `option` is what the name was given with. */
export async function mustBeFree(path: string, option: string): Promise<void> {
  if (await stat(path).catch(() => undefined))
    throw new Refused(`${path} is there already and is kept as it is; give ${option} a name that is not taken`);
}

/** A file to be written once, later on. Refuses at once what could only fail then. */
export async function newTextFile(
  path: string,
  option: string,
): Promise<{ readonly write: (text: string) => Promise<void> }> {
  await mustBeFree(path, option);
  const cannot = (error: unknown): never => {
    const why = error instanceof Error ? error.message : String(error);
    throw new Refused(`${path} cannot be written (${why}); give ${option} another name`);
  };
  await mkdir(dirname(path), { recursive: true }).catch(cannot);
  return { write: (text) => writeFile(path, text, { flag: 'wx' }).catch(cannot) };
}
