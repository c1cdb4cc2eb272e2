import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import { appendHistory, median, writeRandom } from '#bench/measure';
import { bytes, KiB, MiB, offset } from '#core/units';
import { connectNbd } from '#replicator/nbd/client';
import { describeNbdError } from '#replicator/nbd/nbd-error';

/**
 * Reads a disk of random data over NBD into nothing: our client against `nbdcopy URI null:`, turn by turn, so that
 * whatever else the machine does falls on both.
 *
 *     npx tsx bench/nbd-read.ts [--size-mib 2048] [--rounds 7] [--server qemu-nbd|nbdkit] [--sweep]
 */
const { values } = parseArgs({
  options: {
    'size-mib': { type: 'string', default: '2048' },
    rounds: { type: 'string', default: '7' },
    server: { type: 'string', default: 'qemu-nbd' },
    /** Also tries other shapes, to see that the defaults are well chosen. */
    sweep: { type: 'boolean', default: false },
  },
});

/** How the client is driven: calls of `call` bytes, `inFlight` of them at a time, over `connections`. */
interface Shape {
  readonly connections: number;
  readonly inFlight: number;
  readonly call: number;
}

const standard: Shape = { connections: 2, inFlight: 16, call: 256 * KiB };
const swept: readonly Shape[] = [1, 2, 3, 4].flatMap((connections) =>
  [8, 16, 32].flatMap((inFlight) =>
    [128 * KiB, 256 * KiB, 512 * KiB, MiB].map((call) => ({ connections, inFlight, call })),
  ),
);

const peer = 'nbdcopy';
const sizeMib = Number(values['size-mib']);
const rounds = Number(values.rounds);
const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sealift-bench-'));
let server: { readonly process: ChildProcess; readonly ended: Promise<unknown> } | undefined;
try {
  const disk = join(folder, 'disk.raw');
  const socket = join(folder, 'socket');
  writeRandom(disk, sizeMib);
  server = startServer(values.server, disk, socket);
  await listening(socket);
  const uri = `nbd+unix:///?socket=${socket}`;
  console.log(
    `${sizeMib} MiB of random data from ${values.server}; ${cpus().length} cores (${cpus()[0]?.model ?? '?'})`,
  );
  // Warm-up: page cache, JIT, the server's buffers.
  await readAll(uri, standard);
  nbdcopy(uri);
  if (values.sweep) for (const shape of swept) await compare(uri, shape);
  else appendHistory('nbd-read', { server: values.server, sizeMib, rounds, ratio: await compare(uri, standard) });
} finally {
  server?.process.kill();
  await server?.ended;
  rmSync(folder, { recursive: true });
}

async function compare(uri: string, shape: Shape): Promise<number> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    theirs.push(nbdcopy(uri));
    ours.push(await readAll(uri, shape));
  }
  const ratios = ours.map((seconds, round) => (theirs[round] ?? Number.NaN) / seconds);
  const { connections, inFlight, call } = shape;
  console.log(
    `${connections} connections, ${inFlight} calls of ${call / KiB} KiB: ${median(ratios).toFixed(2)} x nbdcopy` +
      ` (best ${Math.max(...ratios).toFixed(2)}, worst ${Math.min(...ratios).toFixed(2)};` +
      ` ${rate(ours)} against ${rate(theirs)} MiB/s)`,
  );
  return Number(median(ratios).toFixed(3));
}

/** Seconds to read everything once, connecting included. */
async function readAll(uri: string, { connections, inFlight, call }: Shape): Promise<number> {
  const start = performance.now();
  const connected = await connectNbd(uri, { connections, requestMax: bytes(call) });
  if (!connected.ok) throw new Error(describeNbdError(connected.error));
  const device = connected.value;
  let next = 0;
  const reader = async (): Promise<void> => {
    const buffer = Buffer.allocUnsafeSlow(call);
    while (next < device.size) {
      const at = next;
      next += call;
      const read = await device.read(offset(at), buffer.subarray(0, Math.min(call, device.size - at)));
      if (!read.ok) throw new Error(JSON.stringify(read.error));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, reader));
  await device.close();
  return (performance.now() - start) / 1000;
}

function nbdcopy(uri: string): number {
  const start = performance.now();
  execFileSync(peer, [uri, 'null:']);
  return (performance.now() - start) / 1000;
}

function startServer(name: string, disk: string, socket: string): NonNullable<typeof server> {
  const [program, args] =
    name === 'nbdkit'
      ? ['nbdkit', ['--foreground', '--readonly', '--unix', socket, 'file', disk]]
      : ['qemu-nbd', ['--read-only', '--persistent', '--shared=8', '--format=raw', `--socket=${socket}`, disk]];
  const process = spawn(program as string, args as string[], { stdio: ['ignore', 'ignore', 'inherit'] });
  return { process, ended: once(process, 'exit') };
}

async function listening(socket: string): Promise<void> {
  for (let tries = 0; !existsSync(socket); tries++) {
    if (tries > 200) throw new Error('the NBD server did not start');
    await pause(25);
  }
}

function rate(secondsEach: readonly number[]): string {
  return (sizeMib / median(secondsEach)).toFixed(0);
}
