import { createHash } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { err, ok, type Result } from '#core/result';
import { minutes, seconds, type Millis } from '#core/units';

/** What a command in the guest came to. `output` is what it printed, errors included. */
export interface CommandOutcome {
  readonly status: number;
  readonly output: string;
}

/** Why nothing is known of a command. It may have run all the same. */
export type GuestShellError =
  | { readonly type: 'NoAnswer'; readonly command: string; readonly detail: string }
  | { readonly type: 'CommandTooLong'; readonly length: number; readonly max: number }
  | { readonly type: 'UploadFailed'; readonly path: string; readonly detail: string };

/** One sentence for a person. */
export function describeGuestShellError(error: GuestShellError): string {
  switch (error.type) {
    case 'NoAnswer':
      return `the shell in the guest did not answer ${error.command.slice(0, 60)}: ${error.detail}`;
    case 'CommandTooLong':
      return `the shell in the guest takes commands of ${error.max} bytes, this one has ${error.length}`;
    case 'UploadFailed':
      return `${error.path} could not be brought into the guest: ${error.detail}`;
  }
}

/** A root shell in the guest, on its second serial port: what an operator has at the VM's console. One command at a time. */
export interface GuestShell {
  /** Whether it answers, waiting for it that long, or until nobody wants to know: a guest that boots takes its time. */
  ready(timeout?: Millis, signal?: AbortSignal): Promise<Result<void, GuestShellError>>;
  /** Runs one command with bash. A status other than 0 is an outcome and not an error. */
  run(command: string, timeout?: Millis): Promise<Result<CommandOutcome, GuestShellError>>;
  /** Puts a file into the guest, over its network, and checks that it arrived whole. */
  upload(content: Uint8Array, path: string): Promise<Result<void, GuestShellError>>;
}

/** A serial line holds 4096 bytes until somebody reads it. */
export const commandMax = 2_800;
const commandTimeout = minutes(2);
const readyTimeout = minutes(5);
const probeEvery = seconds(3);

/** The shell on a VM's second serial port, a Unix socket of QEMU. The guest's programs are in `recipe.ts`. */
export function guestShell(socketPath: string): GuestShell {
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(what: () => Promise<T>): Promise<T> => {
    const mine = turn.then(what);
    turn = mine.catch(() => undefined); // Whoever asked is told; the next one begins anew.
    return mine;
  };
  const run: GuestShell['run'] = (command, timeout = commandTimeout) => {
    if (Buffer.byteLength(command) > commandMax)
      return Promise.resolve(err({ type: 'CommandTooLong', length: Buffer.byteLength(command), max: commandMax }));
    return inTurn(() => converse(socketPath, { command, timeout }));
  };
  return {
    run,
    async ready(timeout = readyTimeout, signal?: AbortSignal) {
      // Asked over and over: what is written to a port that nobody has opened yet is lost.
      const answer = await inTurn(() => converse(socketPath, { command: 'true', timeout, again: probeEvery, signal }));
      return answer.ok ? ok(undefined) : answer;
    },
    async upload(content, path) {
      const server = createServer((socket) => {
        socket.on('error', () => {}); // The guest's digest tells.
        socket.end(content);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      try {
        const address = server.address();
        const port = typeof address === 'object' && address !== null ? address.port : 0;
        const quotedPath = `'${path.replaceAll("'", String.raw`'\''`)}'`;
        const fetched = await run(`cat </dev/tcp/10.0.2.2/${port} >${quotedPath} && sha256sum <${quotedPath}`);
        if (!fetched.ok) return fetched;
        const expected = createHash('sha256').update(content).digest('hex');
        if (fetched.value.status === 0 && fetched.value.output.startsWith(expected)) return ok(undefined);
        return err({ type: 'UploadFailed', path, detail: fetched.value.output.slice(-500) });
      } finally {
        server.close();
      }
    },
  };
}

let asked = 0;

interface Question {
  readonly command: string;
  readonly timeout: Millis;
  /** Ask again after so long, for a command that may be repeated. */
  readonly again?: Millis;
  readonly signal?: AbortSignal | undefined;
}

function converse(
  path: string,
  { command, timeout, again, signal }: Question,
): Promise<Result<CommandOutcome, GuestShellError>> {
  asked += 1;
  const id = `${process.pid}.${Date.now()}.${asked}`;
  const line = `\n${id} ${Buffer.from(command).toString('base64')}\n`;
  return new Promise((resolve) => {
    let heard = '';
    let socket: Socket | undefined;
    let reconnecting: NodeJS.Timeout | undefined;
    let settled = false;
    const settle = (result: Result<CommandOutcome, GuestShellError>): void => {
      settled = true;
      signal?.removeEventListener('abort', unwanted);
      clearTimeout(late);
      clearTimeout(reconnecting);
      clearInterval(repeating);
      socket?.destroy();
      resolve(result);
    };
    const noAnswer = (detail: string): void => settle(err({ type: 'NoAnswer', command, detail }));
    const unwanted = (): void => noAnswer('nobody waits for it any more');
    signal?.addEventListener('abort', unwanted, { once: true });
    const late = setTimeout(() => noAnswer(`nothing within ${timeout} ms`), timeout);
    const repeating = again === undefined ? undefined : setInterval(() => socket?.write(line), again);
    const open = (): void => {
      socket = connect({ path });
      socket.on('connect', () => socket?.write(line));
      socket.on('data', (chunk) => {
        heard += chunk.toString('latin1');
        const answer = answerIn(heard, id);
        if (answer !== undefined) settle(ok(answer));
      });
      socket.on('error', () => {}); // `close` follows.
      socket.on('close', () => {
        // Also closed by us, once there is an answer: nobody waits for another one.
        if (settled) return;
        if (again === undefined) noAnswer('the serial port is closed');
        else reconnecting = setTimeout(open, again);
      });
    };
    if (signal?.aborted) unwanted();
    else open();
  });
}

/** The answer to command `id` in what a serial port said, or undefined if it is not all there. */
export function answerIn(heard: string, id: string): CommandOutcome | undefined {
  const begin = heard.indexOf(`\nBEGIN ${id}\n`);
  if (begin < 0) return undefined;
  const rest = heard.slice(begin + `\nBEGIN ${id}\n`.length);
  const end = /^END (\S+) (\d+)\n/m.exec(rest);
  if (end === null || end[1] !== id) return undefined;
  return { status: Number(end[2]), output: Buffer.from(rest.slice(0, end.index), 'base64').toString('utf8') };
}
