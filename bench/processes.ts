import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** What running a program to its end took. */
export interface Measured {
  readonly status: number | null;
  readonly seconds: number;
  /** The most memory it held at a time, as the kernel counts it (VmHWM). */
  readonly peakBytes: number;
  readonly output: string;
}

/** Runs a program to its end, watching its memory. Standard error is kept with the output only if it fails. */
export async function measureProcess([program = '', ...args]: readonly string[]): Promise<Measured> {
  const began = performance.now();
  // Certificates that an environment adds are read at every start of Node, for 20 ms: they are no part of what is measured.
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: '' };
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  let [output, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  let peakBytes = 0;
  const watching = setInterval(() => (peakBytes = Math.max(peakBytes, peakOf(child.pid))), 50);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const seconds = (performance.now() - began) / 1000;
  clearInterval(watching);
  return { status, seconds, peakBytes, output: status === 0 ? output : output + errors };
}

/** The high-water mark of a running process; 0 once it is gone. */
export function peakOf(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    // The process ended between two looks: what was seen before stands.
    return 0;
  }
}

/** Serves a disk read-only with qemu-nbd on a unix socket. Resolves once it can be connected to. */
export async function startNbdServer(
  disk: string,
  socket: string,
  { format = 'raw', options = [] }: { readonly format?: 'raw' | 'qcow2'; readonly options?: readonly string[] } = {},
): Promise<{ child: ChildProcess; uri: string }> {
  const args = ['--read-only', '--persistent', '--shared=16', `--format=${format}`, `--socket=${socket}`, ...options];
  const child = spawn('qemu-nbd', [...args, disk], { stdio: 'inherit' });
  while (!existsSync(socket)) {
    if (child.exitCode !== null) throw new Error(`qemu-nbd ended with ${child.exitCode}`);
    await pause(20);
  }
  return { child, uri: `nbd+unix:///?socket=${socket}` };
}
