import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { err, ok, type Result } from '#core/result';
import { seconds, type Millis } from '#core/units';
import { locateProgram } from './programs.ts';

/** A QEMU that runs and whose monitor listens. It does not outlive this process. */
export interface QemuProcess {
  readonly pid: number;
  /** Resolves with one sentence once the process has ended, whatever ended it. Never rejects. */
  readonly ended: Promise<string>;
  /** Asks it to end in an orderly way: images are flushed and closed. Does not wait. */
  terminate(): void;
  /** Ends it as a power cut would, and resolves once it has ended. Idempotent. */
  kill(): Promise<void>;
}

/** What to start and where its monitor will listen. */
export interface QemuCommand {
  readonly program: string;
  readonly args: readonly string[];
  /** The Unix socket of a monitor that `args` makes the program listen on. */
  readonly qmpSocket: string;
  readonly startTimeout?: Millis;
  /** Aborting it kills the process. */
  readonly signal?: AbortSignal | undefined;
}

// QEMU prints a line or two before it dies. More than this is a loop, and its end says as much as its whole.
const stderrKept = 4_096;
/** The longest path a Unix socket can have: Linux gives it 108 bytes, the last of them a NUL. */
export const socketPathMax = 107;
const listeningPollEvery = 20;

/** Starts QEMU, or any program of its family, and returns once its monitor listens. The error is a sentence. */
export async function startQemuProcess(command: QemuCommand): Promise<Result<QemuProcess, string>> {
  const { qmpSocket, startTimeout = seconds(10), signal } = command;
  if (Buffer.byteLength(qmpSocket) > socketPathMax)
    return err(
      `the path of the monitor socket is longer than ${socketPathMax} bytes: ${qmpSocket}; use a shorter folder`,
    );
  if (signal?.aborted) return err('cancelled');
  const qemu = launch(command);
  if (qemu === undefined) return err(`${command.program} could not be started`);
  const over = new AbortController();
  const started = await Promise.race([
    listens(qmpSocket, over.signal).then(() => 'listening' as const),
    qemu.ended,
    wait(startTimeout, `its monitor did not listen within ${startTimeout} ms`, { signal: over.signal }).catch(() => ''),
  ]);
  over.abort();
  if (started === 'listening') return ok(qemu);
  await qemu.kill();
  return err(started);
}

function launch({ program, args, signal }: QemuCommand): QemuProcess | undefined {
  // With setpriv the kernel kills QEMU when this process dies, even by kill -9: no orphan burns a core.
  const setpriv = locateProgram('setpriv');
  const [file, fileArgs] =
    setpriv === undefined ? [program, args] : [setpriv, ['--pdeathsig', 'KILL', '--', program, ...args]];
  const child = spawn(file, fileArgs, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-stderrKept)));
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`${program} could not be started: ${error.message}`));
    child.once('close', (status, by) =>
      resolve(`${program} ended ${by === null ? `with status ${status}` : `by ${by}`}${said && `: ${said.trim()}`}`),
    );
  });
  const { pid } = child;
  if (pid === undefined) return undefined;
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  const aborted = (): void => void kill();
  signal?.addEventListener('abort', aborted, { once: true });
  void ended.then(() => signal?.removeEventListener('abort', aborted));
  return { pid, ended, kill, terminate: () => void child.kill('SIGTERM') };
}

// QEMU does not tell when its monitor listens, so it is asked until it answers. A connection that is closed again at
// once costs the monitor nothing.
async function listens(path: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (await isListening(path)) return;
    await wait(listeningPollEvery, undefined, { signal }).catch(() => {});
  }
}

/** Whether anybody takes connections on a Unix socket. */
export const isListening = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
