import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** The version of the code as precisely as it is known: the commit of a checkout, or the version that was published. */
export async function commitOf(root: string, version: string): Promise<string> {
  const git = (...args: readonly string[]): Promise<string> =>
    promisify(execFile)('git', ['-C', root, ...args]).then(({ stdout }) => stdout.trim());
  try {
    // A package inside of somebody else's repository has no commit of its own.
    if ((await git('rev-parse', '--show-prefix')) !== '') return `version ${version}`;
    const [commit, changed] = await Promise.all([
      git('rev-parse', '--short=12', 'HEAD'),
      git('status', '--porcelain', '-uno'),
    ]);
    return `commit ${commit}${changed === '' ? '' : ', changed'}`;
  } catch {
    // Without git there is no commit to be named.
    return `version ${version}`;
  }
}
