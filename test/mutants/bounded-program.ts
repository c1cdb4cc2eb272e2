import { spawn } from 'node:child_process';

/** How a program ended. `hung`: it had to be killed, with all it had started. */
export interface Ended {
  readonly status: number | 'hung';
  readonly output: string;
}

/** What bounds a program. */
export interface ProgramBounds {
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

/** Runs a program to its end, or kills it: a mutant may loop for ever, in a process that its parent waits for. */
export function boundedProgram(
  program: string,
  args: readonly string[],
  { cwd, environment, withinMs, signal }: ProgramBounds,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    // A group of its own, so that what it starts is killed with it.
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...environment },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let hung = false;
    const keep = (chunk: Buffer): void => void (output = (output + chunk.toString()).slice(-outputMax));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const kill = (): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    };
    const timer = setTimeout(() => {
      hung = true;
      kill();
    }, withinMs);
    signal.addEventListener('abort', kill);
    const over = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', kill);
      // Whatever it has started and left.
      kill();
    };
    child.on('error', (error) => {
      over();
      reject(error);
    });
    child.on('close', (status) => {
      over();
      resolve({ status: hung ? 'hung' : (status ?? 1), output });
    });
  });
}

// Enough for a report in JSON of a search that found something.
const outputMax = 2 ** 20;
