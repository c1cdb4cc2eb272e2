import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Refused } from '#core/text/refused';
import { regressionName, regressionText, type RegressionInput } from '#scenarios/check/regression-file';

const triesMax = 1_000;

/** Saves a world that failed in a folder, under a name that is not taken, and gives its path. */
export async function keepRegression(folder: string, input: RegressionInput): Promise<string> {
  const cannot = (error: unknown): never => {
    const why = error instanceof Error ? error.message : String(error);
    throw new Refused(`${folder} cannot be written (${why}); give --save another folder`);
  };
  await mkdir(folder, { recursive: true }).catch(cannot);
  const base = regressionName(input);
  for (let n = 1; n <= triesMax; n += 1) {
    const name = n === 1 ? base : `${base}-${n}`;
    const path = join(folder, `${name}.yaml`);
    const isNew = await writeFile(path, regressionText(name, input), { flag: 'wx' }).then(
      () => true,
      (error: NodeJS.ErrnoException) => (error.code === 'EEXIST' ? false : cannot(error)),
    );
    if (isNew) return path;
  }
  throw new Refused(`there are ${triesMax} worlds named ${base} in ${folder} already; give --save another folder`);
}
