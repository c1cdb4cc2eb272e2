import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { FixUpError } from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';
import { parseRegistryText, type KeyState } from './registry-text.ts';

/** A hive that was fetched from a guest. `root` is the key it is in the registry: `HKEY_LOCAL_MACHINE\SYSTEM`. */
export interface LocalHive {
  readonly file: string;
  readonly root: string;
}

// All services of a large server, with their subkeys, are a few megabytes as text.
const textBytesMax = 256 * 2 ** 20;

/** What is in a key, and in its keys down to this depth (1: the key alone). One that is not there fails. */
export async function exportKey(
  { file, root }: LocalHive,
  key: string,
  depth: number,
): Promise<Result<readonly KeyState[], FixUpError>> {
  const inHive = key.slice(root.length) || '\\';
  const said = await hivexregedit('--export', '--prefix', root, '--max-depth', String(depth), file, inHive);
  if (!said.ok) return said;
  const states = parseRegistryText(said.value);
  return states.ok ? states : err({ type: 'ToolFailed', step: `read ${key}`, detail: states.error });
}

/** Makes so in the hive what a file of registry text says: all of it or nothing. */
export async function mergeText({ file, root }: LocalHive, textFile: string): Promise<Result<void, FixUpError>> {
  const said = await hivexregedit('--merge', '--prefix', root, file, textFile);
  return said.ok ? ok(undefined) : said;
}

async function hivexregedit(...args: readonly string[]): Promise<Result<string, FixUpError>> {
  try {
    const { stdout } = await promisify(execFile)('hivexregedit', [...args], {
      maxBuffer: textBytesMax,
      env: { ...process.env, LC_ALL: 'C' },
    });
    return ok(stdout);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')
      return err({
        type: 'ToolMissing',
        program: 'hivexregedit',
        remedy: 'sudo apt-get install --yes --no-install-recommends libwin-hivex-perl',
      });
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : String(cause);
    return err({ type: 'ToolFailed', step: `hivexregedit ${args.join(' ')}`.slice(0, 200), detail: said });
  }
}
