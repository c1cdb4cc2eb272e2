import { readFile, rename, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import type { HypervisorError } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { seconds } from '#core/units';
import type { Monitor } from './monitor.ts';
import type { ExportAddress } from './options.ts';

/**
 * QEMU's built-in NBD server. A QEMU has one or none, it cannot be asked where it listens, and it may be somebody
 * else's. Ours is known by its address: what answers there as an NBD server is ours.
 */

const nothing = z.object({});
// What a server sends first: the magic every NBD conversation opens with.
const greeting = Buffer.from('NBDMAGIC');
const probeTimeout = seconds(2);

/** Starts the server unless ours runs already. */
export async function ensureNbdServer(
  monitor: Monitor,
  operation: string,
  address: ExportAddress,
): Promise<Result<void, HypervisorError>> {
  const command = { command: 'nbd-server-start', args: { addr: qemuAddress(address) } };
  const started = await monitor.ask(operation, command, nothing);
  if (started.ok) return ok(undefined);
  if (started.error.type !== 'Refused') return started;
  // A refusal has no code that says why, so the world is asked instead: an answer at our address is our server.
  if (await greets(address)) return ok(undefined);
  // This process died while it was about to stop the server: its socket is where `stopNbdServer` put it.
  if (address.type === 'unix' && (await moved(closing(address.path), address.path)) && (await greets(address)))
    return ok(undefined);
  const detail = `${started.error.detail}. If it says that a server runs, it is not one of ours (nothing answers at ${describe(address)}): stop it with nbd-server-stop once nobody uses it`;
  return err({ type: 'Refused', operation, detail });
}

/**
 * Stops our server if that is safe, and leaves it idle and without exports if not.
 *
 * Safe means that no client is connected: QEMU 7.2 freezes, and the guest with it, when the server is stopped while a
 * client is still negotiating (see README). So the socket is moved away first, which keeps new clients out, and then
 * the kernel is asked whether anyone is connected. For TCP nobody can be kept out, so there the server stays.
 */
export async function stopNbdServer(
  monitor: Monitor,
  operation: string,
  address: ExportAddress,
): Promise<Result<void, HypervisorError>> {
  if (address.type === 'inet' || !(await everyoneLeft(address.path))) return ok(undefined);
  const aside = closing(address.path);
  if (!(await moved(address.path, aside))) return ok(undefined);
  if (!(await everyoneLeft(address.path))) {
    await moved(aside, address.path); // Somebody came at the last moment. The next one to release will try again.
    return ok(undefined);
  }
  const stopped = await monitor.ask(operation, { command: 'nbd-server-stop' }, nothing);
  if (!stopped.ok) return stopped;
  await rm(aside, { force: true });
  return ok(undefined);
}

/** The URI under which an export can be read. */
export function exportUri(address: ExportAddress, name: string): string {
  if (address.type === 'unix') return `nbd+unix:///${name}?socket=${encodeURIComponent(address.path)}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `nbd://${host}:${address.port}/${name}`;
}

const qemuAddress = (address: ExportAddress) =>
  address.type === 'unix'
    ? { type: 'unix', data: { path: address.path } }
    : { type: 'inet', data: { host: address.host, port: String(address.port) } };

const describe = (address: ExportAddress): string =>
  address.type === 'unix' ? address.path : `${address.host}:${address.port}`;

// Where a socket waits while its server is about to be stopped. Clients do not know this name.
const closing = (path: string): string => `${path}.closing`;

const moved = (from: string, to: string): Promise<boolean> =>
  rename(from, to).then(
    () => true,
    () => false,
  );

/** Whether an NBD server answers. */
function greets(address: ExportAddress): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address.type === 'unix' ? { path: address.path } : address);
    let said = Buffer.alloc(0);
    socket.setTimeout(probeTimeout, () => socket.destroy());
    socket.on('error', () => {}); // 'close' follows.
    socket.on('data', (data: Buffer) => {
      said = Buffer.concat([said, data]);
      if (said.length >= greeting.length) socket.destroy();
    });
    socket.once('close', () => resolve(said.subarray(0, greeting.length).equals(greeting)));
  });
}

const departurePollEvery = 20;
const departurePolls = 50; // A second in all: clients whose export was removed are disconnected at once.

/** Whether our server listens and all clients are known to be gone. Not known, as where the system does not tell, is no. */
async function everyoneLeft(path: string): Promise<boolean> {
  for (let polls = 0; polls < departurePolls; polls += 1) {
    const sockets = await socketsOn(path);
    // Without the listener in sight, QEMU lives in another network namespace, whose clients are not seen either.
    if (!sockets.some(({ listens }) => listens)) return false;
    if (sockets.every(({ listens }) => listens)) return true;
    await wait(departurePollEvery);
  }
  return false;
}

// Linux lists every Unix socket; an accepted connection, and one not yet accepted, bear the path of their listener.
const listening = 0x10000; // __SO_ACCEPTCON

async function socketsOn(path: string): Promise<readonly { readonly listens: boolean }[]> {
  const table = await readFile('/proc/net/unix', 'utf8').catch(() => '');
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns.slice(7).join(' ') === path)
    .map((columns) => ({ listens: (Number.parseInt(columns[3] ?? '', 16) & listening) !== 0 }));
}
