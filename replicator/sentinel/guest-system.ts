import type { Millis } from '#core/units';

/** What became of a program: `status` is null if it could not be started or was killed; `stderr` then says why. */
export interface ProgramOutcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one program. Never rejects. */
export type RunProgram = (
  program: string,
  args: readonly string[],
  options?: { readonly timeout?: Millis; readonly input?: string },
) => Promise<ProgramOutcome>;

/** The system a sentinel runs in: files and programs of the guest. `root` is '/' in a guest and a folder in a test. */
export interface GuestSystem {
  readonly root: string;
  /** Undefined if it is not there, or is nothing that can be read. */
  read(path: string): Promise<string | undefined>;
  /** Names in a folder, in order; none if it is not there. */
  list(path: string): Promise<readonly string[]>;
  /** Runs a program with LC_ALL=C. Never rejects: `status` is null if it could not be started or was killed. */
  run: RunProgram;
}

/**
 * A system that may also be changed. Reading never needs it, so whoever takes only a `GuestSystem` changes nothing but
 * through the programs it runs. Errors are sentences of the system, for a person; undefined means that it was done.
 */
export interface GuestControl extends GuestSystem {
  /** Writes into a file, made if it is not there, with the folders above it. Also for files of the kernel and devices. */
  write(path: string, text: string, mode?: number): Promise<string | undefined>;
  /** Replaces a file whole: whoever reads it, even after a death in between, finds the former content or the new. */
  replace(path: string, text: string, mode?: number): Promise<string | undefined>;
  /** Takes a file away. One that is not there is taken away already. */
  remove(path: string): Promise<string | undefined>;
  /** Sends a signal to a process. One that is gone has had it. */
  signal(pid: number, signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): string | undefined;
}

/** A system in which no program is installed. */
export const noPrograms: RunProgram = async (program) => ({ status: null, stdout: '', stderr: notThere(program) });

const notThere = (program: string): string => `${program}: not there`;
