import { execFile } from 'node:child_process';
import { truncate } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A disk of this machine that is a file: a loop device. */
export interface LoopDisk {
  /** `loop3`. */
  readonly name: string;
  /** `/dev/loop3`. */
  readonly path: string;
  /** Changes the size of the file and tells the kernel. */
  resize(size: number): Promise<void>;
  detach(): Promise<void>;
}

/** Attaches a file, made or grown by a hole to `size` bytes, as a disk. */
export async function attachLoop(file: string, size: number, logicalBlockSize = 512): Promise<LoopDisk> {
  await run('truncate', ['--size', String(size), file]);
  const { stdout } = await run('losetup', ['--find', '--show', '--sector-size', String(logicalBlockSize), file]);
  const path = stdout.trim();
  return {
    name: basename(path),
    path,
    resize: async (next) => {
      await truncate(file, next);
      await run('losetup', ['--set-capacity', path]);
    },
    detach: async () => {
      await run('losetup', ['--detach', path]);
    },
  };
}

/** Runs a system program; rejects with what it said if it fails. */
export async function runProgram(program: string, ...args: readonly string[]): Promise<string> {
  return (await run(program, [...args])).stdout;
}

/** Runs a program as a sentinel does. */
export const sentinelRun = async (
  program: string,
  args: readonly string[],
): Promise<{ readonly status: number | null; readonly stderr: string }> => {
  try {
    await run(program, [...args]);
    return { status: 0, stderr: '' };
  } catch (cause) {
    const { code, stderr } = cause as { code?: unknown; stderr?: string };
    return { status: typeof code === 'number' ? code : null, stderr: stderr ?? String(cause) };
  }
};
