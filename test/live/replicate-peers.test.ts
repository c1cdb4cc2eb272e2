import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import { extent } from '#core/disk/extent';
import { bytes, KiB, MiB, millis, round } from '#core/units';
import { makeCertificates } from '#replicator/certificates/make-certificates';
import { gatewayPath } from '#replicator/gateway/gateway-path';
import { remoteSink, type RemoteSink } from '#replicator/gateway/remote-sink';
import { digestBlockWith, digestsOf, grain } from '#replicator/pipeline/digest';
import type { ReplicationJob } from '#replicator/pipeline/replication';
import { parseAddress } from '#replicator/protocol/address';
import { connectPeer } from '#replicator/protocol/connect';
import { readCredentials, type Credentials } from '#replicator/protocol/credentials';
import { encodeDataHead, encodeFrame, type Frame } from '#replicator/protocol/frame';
import { hello } from '#replicator/protocol/handshake';
import type { Message } from '#replicator/protocol/message';
import type { Role } from '#replicator/protocol/role';
import { tlsNetwork } from '#replicator/protocol/tls-network';
import { wallClock } from '#replicator/wall-clock';
import { foldJournal } from '#replicator/receiver/journal-state';
import { readJournal } from '#replicator/receiver/journal';
import { journalPathOf } from '#replicator/receiver/journal-file';
import { startTwoSites, type TwoSites } from '#test/support/two-sites';
import { valueOf } from '#test/support/value-of';

/*
 * Peers that are not what they should be: strangers, other roles, liars and noise. Each is turned away with a typed
 * error, and the processes go on serving the next one.
 */

let folder: string;
let sites: TwoSites;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-peers-'));
  sites = await startTwoSites(folder);
  await writeFile(join(folder, 'source.raw'), randomBytes(MiB));
});
afterAll(async () => {
  await sites.close();
  await rm(folder, { recursive: true });
});

let targets = 0;
const job = (target = `target-${(targets += 1)}.raw`): ReplicationJob => ({
  session: 'm-1',
  disk: diskId('vda'),
  round: round(0),
  mode: 'full',
  source: { type: 'file', path: join(folder, 'source.raw') },
  target,
});
const credentialsOf = async (role: Role): Promise<Credentials> =>
  valueOf(await readCredentials(sites.certificates, role));
const networkAs = async (role: Role) => ({
  network: tlsNetwork({ credentials: await credentialsOf(role), clock: wallClock }),
  clock: wallClock,
});
const stillServes = async (): Promise<void> => void valueOf(await sites.path.run(job()));

/** A TLS connection with the given credentials that says what it is told, and what came back until it ended. */
async function talk(address: string, { ca, cert, key }: Credentials, ...said: readonly Uint8Array[]): Promise<string> {
  const { host, port } = valueOf(parseAddress(address));
  const socket: TLSSocket = connectTls({ host, port, ca, cert, key, minVersion: 'TLSv1.3' });
  const heard: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => heard.push(chunk));
  // Being thrown out may look like either.
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.once('secureConnect', () => said.forEach((part) => socket.write(part)));
  await closed;
  return Buffer.concat(heard).toString('latin1');
}
const messageFrame = (message: Message): Buffer => encodeFrame({ type: 'message', json: JSON.stringify(message) });

describe('a receiver and a gateway', () => {
  it('admit nobody without a certificate of their authority', async () => {
    const strangers = join(folder, 'strangers');
    valueOf(await makeCertificates({ directory: strangers }));
    const stranger = gatewayPath({ address: sites.gateway.address, certificates: strangers, patience: millis(0) });
    expect(await stranger.run(job())).toMatchObject({ ok: false, error: { type: 'Unauthorized', peer: 'gateway' } });
    const { host, port } = valueOf(parseAddress(sites.receiver.address));
    const plain = connectTcp({ host, port });
    plain.on('error', () => undefined);
    const closed = new Promise((resolve) => plain.once('close', resolve));
    plain.write('GET / HTTP/1.1\r\n\r\n');
    await closed;
    await stillServes();
  });

  it.each<readonly [Role, 'gateway' | 'receiver']>([
    ['receiver', 'gateway'],
    ['gateway', 'gateway'],
    ['manager', 'receiver'],
    ['receiver', 'receiver'],
  ])('do not let a %s in at the %s', async (role, at) => {
    const connected = await connectPeer({
      address: sites[at].address,
      peer: at,
      ...(await networkAs(role)),
    });
    expect(connected).toMatchObject({ ok: false, error: { type: 'Unauthorized' } });
  });

  it('are not taken for each other', async () => {
    const way = await networkAs('gateway');
    const misled = await connectPeer({ address: sites.gateway.address, peer: 'receiver', ...way });
    expect(misled).toMatchObject({ ok: false, error: { type: 'Unauthorized', peer: 'receiver' } });
  });

  it('do not believe a role that is not in the certificate', async () => {
    const said = messageFrame({ ...hello('manager'), role: 'manager' });
    const heard = await talk(sites.receiver.address, await credentialsOf('gateway'), said);
    expect(heard).toContain('its certificate is for a gateway');
  });

  it('say which versions they speak to one they cannot talk to', async () => {
    const said = messageFrame({ ...hello('gateway'), protocol: { min: 7, max: 9 } });
    expect(await talk(sites.receiver.address, await credentialsOf('gateway'), said)).toContain(
      'speaks versions 7 to 9',
    );
  });

  it('throw out noise, before and after the greeting, and go on', async () => {
    const noise = randomBytes(64 * KiB);
    await talk(sites.receiver.address, await credentialsOf('gateway'), noise);
    await talk(sites.receiver.address, await credentialsOf('gateway'), messageFrame(hello('gateway')), noise);
    await talk(sites.gateway.address, await credentialsOf('manager'), messageFrame(hello('manager')), noise);
    await stillServes();
  });

  it.each<readonly [string, Uint8Array]>([
    ['data for no round', frame({ type: 'zero', range: extent(0, grain) })],
    ['a flush of nothing', frame({ type: 'flush', sequence: 1 })],
    ['a question about no replica', frame({ type: 'askSettled', range: extent(0, grain) })],
    ['an answer nobody asked for', frame({ type: 'ack', sequence: 1 })],
    ['a greeting after the greeting', messageFrame(hello('gateway'))],
    ['words that mean nothing', encodeFrame({ type: 'message', json: '{"type":"Dance"}' })],
  ])('throw out who sends a receiver %s', async (_, said) => {
    await talk(sites.receiver.address, await credentialsOf('gateway'), messageFrame(hello('gateway')), said);
    await stillServes();
  });

  function frame(content: Exclude<Frame, { type: 'data' | 'message' }>): Uint8Array {
    return encodeFrame(content);
  }
});

describe('a receiver', () => {
  const size = 4 * grain;

  /** An open round as a gateway has it, without its pipeline. */
  async function openRound(target: string, session = 'm-1'): Promise<RemoteSink> {
    const way = await networkAs('gateway');
    const sink = remoteSink(valueOf(await connectPeer({ address: sites.receiver.address, peer: 'receiver', ...way })));
    valueOf(
      await sink.ask({
        type: 'OpenRound',
        session,
        disk: diskId('vda'),
        target,
        size: bytes(size),
        round: round(0),
        mode: 'full',
        overwrite: false,
      }),
    );
    return sink;
  }
  const lost = (sink: RemoteSink): Promise<unknown> =>
    new Promise((resolve) => sink.listen({ onAcked: () => undefined, onLost: resolve }));

  it('refuses bytes that are not what their digests say, and keeps nothing of them', async () => {
    const target = `liar-${(targets += 1)}.raw`;
    const sink = await openRound(target);
    const data = randomBytes(grain);
    const digests = digestsOf(randomBytes(grain), digestBlockWith('xxh64'));
    const end = lost(sink);
    await sink.send({ sequence: 1, part: { ...extent(grain, grain), content: 'data' }, digests, data, room: 0 });
    expect(await end).toEqual({ type: 'DigestMismatch', at: extent(grain, grain) });
    await sink.close();
    expect((await readFile(join(sites.directory, target))).every((byte) => byte === 0)).toBe(true);
  });

  it.each([
    ['beyond the end', extent(4 * grain, grain)],
    ['half a block', extent(0, 100)],
  ])('throws out who sends %s of the disk', async (_, range) => {
    const sink = await openRound(`beyond-${(targets += 1)}.raw`);
    const end = lost(sink);
    await sink.send({
      sequence: 1,
      part: { ...range, content: 'data' },
      digests: new BigUint64Array(1),
      data: new Uint8Array(range.length),
      room: 0,
    });
    expect(await end).toMatchObject({ type: 'ProtocolViolation', peer: 'gateway' });
    await sink.close();
  });

  it('acks nothing that its journal does not call durable', async () => {
    const target = `acked-${(targets += 1)}.raw`;
    const sink = await openRound(target);
    const data = randomBytes(grain);
    const digests = digestsOf(data, digestBlockWith('xxh64'));
    for (const block of [0, 1, 2, 3]) {
      // Read in the very moment of the ack: later it may have caught up.
      const durable = new Promise<number>((resolve, reject) =>
        sink.listen({
          onAcked: () => {
            const journal = valueOf(readJournal(readFileSync(journalPathOf(join(sites.directory, target)))));
            resolve(foldJournal(journal.records).entries.length);
          },
          onLost: reject,
        }),
      );
      const part = { ...extent(block * grain, grain), content: 'data' } as const;
      await sink.send({ sequence: block + 1, part, digests, data, room: 0 });
      sink.flush(block + 1);
      expect(await durable).toBe(block + 1);
    }
    await sink.close();
  });

  it('does not complete a round whose root is not its own', async () => {
    const sink = await openRound(`root-${(targets += 1)}.raw`);
    expect(await sink.complete('00')).toMatchObject({ ok: false, error: { type: 'RootMismatch', source: '00' } });
    await sink.close();
  });

  it('gives a replica to the newest connection of its session, and to no other session', async () => {
    const target = `taken-${(targets += 1)}.raw`;
    const first = await openRound(target);
    const end = lost(first);
    const second = await openRound(target);
    expect(await end).toMatchObject({ type: 'ConnectionLost' });
    await expect(openRound(target, 'm-2')).rejects.toThrow('TargetBusy');
    expect(valueOf(await second.settled(extent(0, size)))).toEqual([]);
    await first.close();
    await second.close();
  });

  it.each([
    ['../outside.raw'],
    ['/etc/passwd'],
    ['a/../../outside.raw'],
    ['./x.raw'],
    [''],
    ['a//b.raw'],
    ['.hidden'],
    ['nul\0.raw'],
    ['disk.raw.sealift-journal'],
    ['x'.repeat(300)],
    ['link/outside.raw'],
    ['direct-link.raw'],
  ])('refuses the target %j', async (target) => {
    await mkdir(join(folder, 'outside'), { recursive: true });
    await symlink(join(folder, 'outside'), join(sites.directory, 'link')).catch(() => undefined);
    await symlink(join(folder, 'outside', 'file.raw'), join(sites.directory, 'direct-link.raw')).catch(() => undefined);
    const before = await readdir(folder, { recursive: true });
    const refused = await sites.path.run(job(target));
    expect(refused.ok).toBe(false);
    if (!refused.ok) expect(refused.error.type).toBe('TargetNameRefused');
    expect(await readdir(folder, { recursive: true })).toEqual(before);
  });

  it('writes below its directory in folders that are there', async () => {
    await mkdir(join(sites.directory, 'vm-7'), { recursive: true });
    valueOf(await sites.path.run(job('vm-7/disk0.raw')));
    const made = await readFile(join(sites.directory, 'vm-7', 'disk0.raw'));
    expect(Buffer.compare(made, await readFile(join(folder, 'source.raw')))).toBe(0);
    expect(await sites.path.run(job('vm-8/disk0.raw'))).toMatchObject({ error: { type: 'TargetUnavailable' } });
  });
});

describe('a gateway', () => {
  it('refuses a source that means another file on each machine', async () => {
    const relative = { ...job(), source: { type: 'file' as const, path: 'source.raw' } };
    expect(await sites.path.run(relative)).toMatchObject({
      error: { type: 'SourceUnavailable', source: 'source.raw' },
    });
  });

  it('stops the job of a manager that is gone, and gives the replica to the next', async () => {
    const asked = job();
    const stop = new AbortController();
    const stopped = await sites.path.run(asked, { signal: stop.signal, onProgress: () => stop.abort() });
    expect(stopped).toEqual({ ok: false, error: { type: 'Cancelled' } });
    expect(valueOf(await sites.path.run(asked)).size).toBe(MiB);
  });

  it('lets the newest manager have the say over a replica', async () => {
    const asked = job();
    const [first, second] = await Promise.all([sites.path.run(asked), sites.path.run(asked)]);
    for (const outcome of [first, second]) if (!outcome.ok) expect(outcome.error.type).toBe('Cancelled');
    expect([first.ok, second.ok]).toContain(true);
  });

  it('is not reached at an address that is none, or where nobody is', async () => {
    const { certificates } = sites;
    const patience = millis(0);
    const nowhere = gatewayPath({ address: 'nowhere', certificates, patience });
    expect(await nowhere.inspect(job())).toMatchObject({ error: { type: 'Unreachable', address: 'nowhere' } });
    const nobody = gatewayPath({ address: '127.0.0.1:1', certificates, patience });
    expect(await nobody.run(job())).toMatchObject({ error: { type: 'Unreachable', peer: 'gateway' } });
    const bare = gatewayPath({ address: sites.gateway.address, certificates: folder, patience });
    expect(await bare.run(job())).toMatchObject({ error: { type: 'Unauthorized' } });
  });
});

it('a data head fits in the room kept for it', () => {
  const range = extent(0, MiB);
  const head = encodeDataHead(Buffer.alloc(152), {
    range,
    digests: new BigUint64Array(16),
    packing: 'none',
    packedLength: MiB,
  });
  expect(head.length).toBe(152);
});
