import { spawn } from 'node:child_process';
import { MiB, type Millis, minutes } from '#core/units';
import type { ProgramOutcome } from './guest-system.ts';

// No program that a sentinel asks says more; one that does is broken, and must not fill the guest's memory.
const outputMax = 16 * MiB;

/** A program that is asked and never answers would hold up everything behind it. */
const timeoutDefault = minutes(1);

// A service may have started us with a PATH that lacks the folders of the system's own programs.
const path = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(':');

/**
 * Runs a program of this system with LC_ALL=C, in a process group of its own, so that at the end of its time it goes
 * together with everything that it started. Never rejects.
 */
export function runProgram(
  program: string,
  args: readonly string[],
  { timeout = timeoutDefault, input }: { readonly timeout?: Millis; readonly input?: string } = {},
): Promise<ProgramOutcome> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      detached: true,
      env: { ...process.env, PATH: path, LC_ALL: 'C', LANG: 'C', SYSTEMD_PAGER: '', SYSTEMD_COLORS: '0' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let ended: string | undefined;
    const end = (why: string): void => {
      if (ended !== undefined) return;
      ended = why;
      endGroup(child.pid);
      // What left the group keeps the pipes open; nobody waits for it.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const timer = setTimeout(() => end(`ended after its ${timeout} ms`), timeout);
    const output = gather(() => end(`ended: it said more than ${outputMax} bytes`));
    child.stdout.on('data', output.stdout.push);
    child.stderr.on('data', output.stderr.push);
    // A program that reads nothing closes its end; that it did not want the input is no error of ours.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input ?? '');
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ status: null, stdout: '', stderr: `${program}: ${error.message}` });
    });
    child.on('close', (status) => {
      clearTimeout(timer);
      const said = output.stderr.text();
      const why = ended === undefined ? said : `${said}${program}: ${ended}`;
      resolve({ status: ended === undefined ? status : null, stdout: output.stdout.text(), stderr: why });
    });
  });
}

function gather(full: () => void) {
  let length = 0;
  const stream = () => {
    const chunks: Buffer[] = [];
    const push = (chunk: Buffer): void => {
      length += chunk.length;
      if (length > outputMax) full();
      else chunks.push(chunk);
    };
    return { push, text: () => Buffer.concat(chunks).toString() };
  };
  return { stdout: stream(), stderr: stream() };
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended in the meantime.
  }
}
