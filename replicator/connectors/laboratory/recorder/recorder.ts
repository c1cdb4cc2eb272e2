import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { err, ok, type Result } from '#core/result';

/**
 * Remembers, outside of the guest, what the guest's load was told is safe. The load writes record n to both disks, flushes
 * them, and only then sends `n digest`; the recorder keeps that durably and answers `n`. What is in here must therefore be
 * on both disks of whatever the guest became.
 */
export interface Recorder {
  readonly port: number;
  /** What the load may count on, as of now. */
  acknowledged(): Acknowledged;
  /** Resolves once `count` records are acknowledged, or with what there is when `signal` is aborted. Never rejects. */
  reached(count: number, signal?: AbortSignal): Promise<Acknowledged>;
  /** The digest over the first `count` acknowledged records, to compare with what the guest's verifier found. */
  digestUpTo(count: number): string;
  /** What can only be explained by a loss, one sentence each: a number that came twice with two contents, or a gap. */
  losses(): readonly string[];
  /** Ends it. What it holds stays in its file. Idempotent. */
  close(): Promise<void>;
}

/** Records 1 to `upTo` are acknowledged, and `digest` is over all of theirs. */
export interface Acknowledged {
  readonly upTo: number;
  readonly digest: string;
}

/** Why there is no recorder. */
export type RecorderError =
  | { readonly type: 'FileUnusable'; readonly path: string; readonly detail: string }
  | { readonly type: 'PortUnusable'; readonly port: number; readonly detail: string };

/** Where a recorder listens and what it keeps. */
export interface RecorderOptions {
  /** The file with one line a record. A file that is there is taken up again. */
  readonly path: string;
  /** 0, or nothing, for any free port. */
  readonly port?: number;
}

const pollEvery = 50;
const line = /^(\d+) ([0-9a-f]{64})$/;

/** Starts a recorder on the loopback address, which a guest in QEMU's user network reaches as 10.0.2.2. */
export async function startRecorder({ path, port = 0 }: RecorderOptions): Promise<Result<Recorder, RecorderError>> {
  const kept = await readKept(path);
  if (!kept.ok) return kept;
  const { digests, length } = kept.value;
  const losses: string[] = [];
  const file = await open(path, 'a');
  await file.truncate(length); // The half line of a recorder that was killed: never answered, so nobody counts on it.

  const record = async (number: number, digest: string): Promise<boolean> => {
    const known = digests[number - 1];
    if (known !== undefined) {
      if (known !== digest) losses.push(`record ${number} was acknowledged before with another content`);
      return known === digest;
    }
    if (number !== digests.length + 1) {
      losses.push(`record ${number} came after record ${digests.length}`);
      return false;
    }
    await file.appendFile(`${number} ${digest}\n`);
    await file.datasync();
    digests.push(digest);
    return true;
  };

  const sockets = new Set<Socket>();
  let turn: Promise<unknown> = Promise.resolve(); // One after the other: two connections may overlap when a link comes back.
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket)).on('error', () => {}); // Its end; the load connects again.
    createInterface(socket)
      .on('error', () => {}) // It hands on what the socket said already.
      .on('line', (text) => {
        const [, number, digest] = line.exec(text) ?? [];
        if (number === undefined || digest === undefined) return void socket.destroy();
        turn = turn
          .then(() => record(Number(number), digest))
          .then((isKept) => socket.write(`${isKept ? '' : 'lost '}${number}\n`))
          .catch(() => socket.destroy()); // Not kept, so not answered: the load asks again.
      });
  });
  const listening = await listen(server, port);
  if (!listening.ok) {
    await file.close();
    return listening;
  }
  const acknowledged = (): Acknowledged => ({ upTo: digests.length, digest: digestOf(digests) });
  return ok({
    port: listening.value,
    acknowledged,
    digestUpTo: (count) => digestOf(digests.slice(0, count)),
    losses: () => [...losses],
    async reached(count, signal) {
      while (digests.length < count && !signal?.aborted) await wait(pollEvery);
      return acknowledged();
    },
    async close() {
      const ended = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await ended;
      await turn;
      await file.close();
    },
  });
}

async function readKept(path: string): Promise<Result<{ digests: string[]; length: number }, RecorderError>> {
  const unusable = (detail: string) => err({ type: 'FileUnusable', path, detail } as const);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return ok({ digests: [], length: 0 });
    return unusable(String(cause));
  }
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const digests: string[] = [];
  for (const kept of whole.split('\n').slice(0, -1)) {
    const [, number, digest] = line.exec(kept) ?? [];
    if (Number(number) !== digests.length + 1 || digest === undefined) return unusable(`line ${digests.length + 1}`);
    digests.push(digest);
  }
  return ok({ digests, length: whole.length });
}

function listen(server: ReturnType<typeof createServer>, port: number): Promise<Result<number, RecorderError>> {
  return new Promise((resolve) => {
    server.once('error', (cause) => resolve(err({ type: 'PortUnusable', port, detail: cause.message })));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(ok(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}

/** The digest the guest's verifier makes of the same records: over their digests, one a line. */
const digestOf = (digests: readonly string[]): string =>
  createHash('sha256')
    .update(digests.map((digest) => `${digest}\n`).join(''))
    .digest('hex');
