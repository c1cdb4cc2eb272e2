import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Clock } from '#core/clock';
import { instant, millis, seconds } from '#core/units';
import { makeCertificates } from '#replicator/certificates/make-certificates';
import { wallClock } from '#replicator/wall-clock';
import { networkContract, type NetworkWorld } from '#test/contract/network.contract';
import { valueOf } from '#test/support/value-of';
import { formatAddress, parseAddress } from './address.ts';
import { readCredentials, type Credentials } from './credentials.ts';
import { roles, type Role } from './role.ts';
import { serve } from './serve.ts';
import { tlsNetwork } from './tls-network.ts';

let folder: string;
const credentials = new Map<Role, Credentials>();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-network-'));
  valueOf(await makeCertificates({ directory: folder }));
  for (const role of roles) credentials.set(role, valueOf(await readCredentials(folder, role)));
});
afterAll(() => rm(folder, { recursive: true }));

const credentialsOf = (role: Role): Credentials => {
  const found = credentials.get(role);
  if (!found) throw new Error(`no credentials of a ${role}`);
  return found;
};

/** The wall clock in a hurry: what is to wait for twenty seconds waits for half of one. */
const speed = 40;
const hurriedClock: Clock = {
  now: () => instant(Math.round(wallClock.now() * speed)),
  wait: (duration, signal) => wallClock.wait(millis(Math.ceil(duration / speed)), signal),
};

/** A way to something on this machine that can be blocked. What comes meanwhile waits. */
async function blockable(address: string, opened: Set<Socket>) {
  const { host, port } = valueOf(parseAddress(address));
  let blocked = false;
  const server = createServer((near) => {
    const far = connect({ host, port });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      opened.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => (from.errored ? to.destroy() : to.end()));
      if (blocked) from.pause();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('a TCP server has a port');
  return {
    address: formatAddress({ host, port: bound.port }),
    block: (on: boolean) => {
      blocked = on;
      for (const socket of opened) {
        if (on) socket.pause();
        else socket.resume();
      }
    },
    close: () => server.close(),
  };
}

async function tlsWorld(): Promise<NetworkWorld> {
  const opened = new Set<Socket>();
  const ways: Awaited<ReturnType<typeof blockable>>[] = [];
  const block = (on: boolean): void => ways.forEach((way) => way.block(on));
  return {
    clock: hurriedClock,
    network: (role) => tlsNetwork({ credentials: credentialsOf(role), clock: hurriedClock }),
    listenAt: () => '127.0.0.1:0',
    reach: async (address) => {
      const way = await blockable(address, opened);
      ways.push(way);
      return way.address;
    },
    partition: () => block(true),
    heal: () => block(false),
    run: (work) => work(),
    dispose: async () => {
      for (const way of ways) way.close();
      for (const socket of opened) socket.destroy();
    },
  };
}

networkContract('TLS', tlsWorld);

it('a service that closes does not wait for who is in the middle of a handshake', async () => {
  const network = tlsNetwork({ credentials: credentialsOf('receiver'), clock: wallClock });
  const listen = '127.0.0.1:0';
  const onPeer = async (): Promise<void> => undefined;
  const service = valueOf(await serve({ listen, network, clock: wallClock, admits: 'gateway', onPeer }));
  const slow = connect(valueOf(parseAddress(service.address)));
  const over = once(slow, 'close');
  slow.on('error', () => undefined);
  await once(slow, 'connect');
  // Taken by the server, too.
  await wallClock.wait(millis(100));
  const inTime = await Promise.race([service.close().then(() => true), wallClock.wait(seconds(5)).then(() => false)]);
  slow.destroy();
  await over;
  expect(inTime).toBe(true);
});
