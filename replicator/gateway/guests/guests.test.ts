import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openSqliteEventLog } from '#core/event-log/sqlite';
import { diskId, factId, sentinelId } from '#core/ids';
import { err, ok, type Result } from '#core/result';
import { instant, millis } from '#core/units';
import { parseAddress } from '#replicator/protocol/address';
import { readCredentials } from '#replicator/protocol/credentials';
import { aesFirst, chachaFirst } from '#replicator/protocol/tls-options';
import { greetGateway } from '#replicator/sentinel/agent/greet';
import { installationAt } from '#replicator/sentinel/agent/installed-agent';
import { openGuestIdentity } from '#replicator/sentinel/identity/guest-identity';
import { prove, publicKeyOf } from '#replicator/sentinel/identity/proof';
import { wallClock } from '#replicator/wall-clock';
import { smallGuest, startGuestSite, type GuestSite } from '#test/support/small-guest';
import { valueOf } from '#test/support/value-of';
import { guestAgentOf } from './guests.ts';
import { openRegistry } from './registry.ts';

const web01 = sentinelId('web01');
const dayMs = 24 * 60 * 60 * 1_000;

let site: GuestSite;
beforeEach(async () => {
  site = await startGuestSite();
});
afterEach(() => site.close());

const stateOf = (id = 'web01'): string | undefined => site.guests.list().find((each) => each.id === id)?.state;
const untilState = (state: string, id = 'web01') =>
  vi.waitFor(() => expect(stateOf(id)).toBe(state), { timeout: 10_000, interval: 10 });
/** What the log says happened, without what is always the same. */
async function facts(id = 'web01'): Promise<readonly string[]> {
  const log = valueOf(await openSqliteEventLog({ path: join(site.folder, 'state', 'sentinels.db'), mode: 'readOnly' }));
  const told: string[] = [];
  for await (const { type, data } of log.readStream(`sentinel-${id}`)) {
    const { what, why } = data as { what?: string; why?: string };
    told.push(what === undefined ? type : `${type} ${what} ${why}`);
  }
  await log.close();
  return told;
}
const laterClock = (byMs: number) => ({ ...wallClock, now: () => instant(Date.now() + byMs) });

describe('a sentinel', () => {
  it('enrols with its bundle, connects, and answers', async () => {
    const directory = await site.unpack(await site.invite('web01'));
    expect(stateOf()).toBe('awaited');
    const services = smallGuest();
    await site.agent(directory, { services });
    const guest = guestAgentOf(site.guests, web01);
    expect(valueOf(await guest.inspect()).hostname).toBe('web01');
    const mark = { owner: 'm-1', number: 0 };
    valueOf(await guest.beginMark(mark));
    expect(valueOf(await guest.changes(mark))).toEqual([{ disk: 'vda', dirty: 65_536 }]);
    expect(valueOf(await guest.openDisk(diskId('vda'), mark))).toEqual({
      ...{ type: 'sentinel', sentinel: 'web01', disk: 'vda', changesOf: mark },
    });
    expect(await guest.openDisk(diskId('vdz'))).toEqual({ ok: false, error: { type: 'DiskNotFound', disk: 'vdz' } });
    expect(await guest.changes({ owner: 'm-1', number: 7 })).toMatchObject({ error: { type: 'TrackingLost' } });
    valueOf(await guest.limit('unlimited'));
    expect(stateOf()).toBe('enrolled.connected');
    await vi.waitFor(() => expect(site.guests.list()[0]?.heartbeat).toMatchObject({ stage: 'source', lag: 10 }));
    expect(await facts()).toEqual(['BundleMade', 'SentinelEnrolled', 'SentinelConnected']);
  });

  it.each([
    [chachaFirst, 'TLS_CHACHA20_POLY1305_SHA256'],
    [aesFirst, 'TLS_AES_128_GCM_SHA256'],
  ])('is spoken to in the cipher that it asks for first: %s', async (ciphers, first) => {
    const socket = connect({ ...valueOf(parseAddress(site.guests.address)), ciphers, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    expect(socket.getCipher().standardName).toBe(first);
    socket.destroy();
  });

  it('has its key and certificate to itself, and no token any more', async () => {
    const secrets = await site.invite('web01');
    const directory = await site.unpack(secrets);
    await site.agent(directory);
    await untilState('enrolled.connected');
    expect((await readdir(directory)).toSorted()).toEqual(['ca-cert.pem', 'cert.pem', 'key.pem', 'sentinel.json']);
    // L24: neither the token nor the key is in the state of the gateway or in what it said.
    const key = await readFile(join(directory, 'key.pem'), 'latin1');
    const secretLines = [secrets.token, ...key.split('\n').filter((line) => line !== '' && !line.startsWith('-'))];
    const kept = [...site.log];
    for (const name of await readdir(join(site.folder, 'state')))
      kept.push(await readFile(join(site.folder, 'state', name), 'latin1'));
    for (const secret of secretLines) expect(kept.filter((text) => text.includes(secret))).toEqual([]);
  });

  it('gives a password to whoever asks for one, and to nobody else', async () => {
    const services = smallGuest();
    await site.agent(await site.unpack(await site.invite('web01')), { services });
    await untilState('enrolled.connected');
    const given = valueOf(await site.guests.ask(web01)('account', {}));
    expect(given).toEqual({ name: 'look', password: services.password });
    expect(services.password).toMatch(/^secret /);
    const kept = [...site.log];
    for (const name of await readdir(join(site.folder, 'state')))
      kept.push(await readFile(join(site.folder, 'state', name), 'latin1'));
    expect(kept.filter((text) => text.includes(services.password))).toEqual([]);
  });

  it('at rest for its switchover is neither replaced nor taken off, and afterwards it is', async () => {
    const services = smallGuest();
    const replaced = vi.fn<() => Promise<Result<void, never>>>(async () => ok(undefined));
    const installation = {
      ...installationAt({ program: undefined, script: undefined }),
      ...{ replaceWith: replaced, uninstall: async () => ok(undefined) },
    };
    await site.agent(await site.unpack(await site.invite('web01')), { services, installation });
    await untilState('enrolled.connected');
    const guest = guestAgentOf(site.guests, web01);
    const upgrade = () => site.guests.ask(web01)('upgrade', { sha256: '0'.repeat(64), version: '2' });
    valueOf(await guest.quiesce({ timeout: millis(1_000), keep: [], before: [], after: [] }));
    const refused = { error: { type: 'Refused', detail: expect.stringContaining('at rest for its switchover') } };
    expect(await upgrade()).toMatchObject(refused);
    expect(await guest.uninstall()).toMatchObject(refused);
    expect(replaced).not.toHaveBeenCalled();
    valueOf(await guest.resume());
    valueOf(await upgrade());
    valueOf(await guest.uninstall());
    await untilState('uninstalled');
    // A manager that died before it heard of it asks again, and nobody is left in the guest to answer.
    valueOf(await guest.uninstall());
  });

  it('of a target takes its account away before it goes, and stays as long as it cannot', async () => {
    const report = { stage: 'target', migration: 'm', booted: true, checks: [] } as const;
    const services = { ...smallGuest(), stage: 'target' as const, report };
    const failing = vi.spyOn(services, 'finalize');
    failing.mockResolvedValueOnce(err({ type: 'Refused', operation: 'finalize', detail: 'a user is logged in' }));
    const uninstalled = vi.fn<() => Promise<Result<void, never>>>(async () => ok(undefined));
    const installation = { ...installationAt({ program: undefined, script: undefined }), uninstall: uninstalled };
    await site.agent(await site.unpack(await site.invite('web01')), { services, installation });
    await untilState('enrolled.connected');
    const guest = guestAgentOf(site.guests, web01);
    expect(await guest.uninstall()).toMatchObject({ error: { detail: 'a user is logged in' } });
    expect(uninstalled).not.toHaveBeenCalled();
    expect(stateOf()).toBe('enrolled.connected');
    valueOf(await guest.uninstall());
    expect(services.calls).toEqual(['finalize']);
    expect(uninstalled).toHaveBeenCalledOnce();
    await untilState('uninstalled');
  });

  it('goes and comes back: stopped, its gateway restarted, its process new', async () => {
    const directory = await site.unpack(await site.invite('web01'));
    const first = await site.agent(directory);
    await untilState('enrolled.connected');
    await site.restart();
    await untilState('enrolled.connected');
    await first.stop('for a test');
    await untilState('enrolled.away');
    await site.agent(directory);
    await untilState('enrolled.connected');
    expect(await facts()).toEqual([
      'BundleMade',
      'SentinelEnrolled',
      'SentinelConnected',
      'SentinelLost',
      'SentinelConnected',
      'SentinelLost',
      'SentinelConnected',
    ]);
  });

  it('that is not connected is waited for, and then is unreachable', async () => {
    await site.restart({ patience: millis(50) });
    await site.invite('web01');
    const outcome = await guestAgentOf(site.guests, web01).inspect();
    expect(outcome).toMatchObject({ error: { type: 'Unreachable', operation: 'inspect' } });
  });

  it('has one control connection: the newest takes the place of the older', async () => {
    const directory = await site.unpack(await site.invite('web01'));
    const first = await site.agent(directory, {
      pauses: { first: millis(60_000), longest: millis(60_000), refused: millis(60_000) },
    });
    await untilState('enrolled.connected');
    const services = smallGuest();
    await site.agent(directory, { services });
    await vi.waitFor(() => expect(first.status.state).toBe('connecting'));
    expect(stateOf()).toBe('enrolled.connected');
    valueOf(await guestAgentOf(site.guests, web01).closeDisks());
    expect(services.calls).toEqual(['close disks']);
    expect(await facts()).toEqual(['BundleMade', 'SentinelEnrolled', 'SentinelConnected', 'SentinelConnected']);
  });

  it('rotates its certificate before it expires, and the one before is of no use once the new one was used', async () => {
    const directory = await site.unpack(await site.invite('web01'));
    const young = await site.agent(directory);
    await untilState('enrolled.connected');
    await young.stop();
    const copy = join(site.folder, 'copy');
    await cp(directory, copy, { recursive: true });
    // Of thirty days five are left, as far as this one knows.
    const agent = await site.agent(directory, { clock: laterClock(25 * dayMs) });
    await vi.waitFor(async () => expect(await facts()).toContain('CertificateRotated'));
    await vi.waitFor(() => expect(site.log).toContain('the certificate was renewed'));
    await agent.stop();
    await site.agent(directory);
    await untilState('enrolled.connected');
    const thief = await site.agent(copy);
    await vi.waitFor(() => expect(thief.status.detail).toContain('a newer certificate is in use'));
    expect(await facts()).toContain('SentinelRefused identity superseded');
  });
});

it('a gateway writes nothing to a log that is not its own', async () => {
  const other = await mkdtemp(join(tmpdir(), 'sealift-other-'));
  const log = valueOf(await openSqliteEventLog({ path: join(other, 'sentinels.db'), mode: 'create' }));
  const model = { id: 'migration', version: '1' };
  const metadata = { time: instant(0), actor: 'driver', correlationId: 'm', schemaVersion: 1, model };
  const fact = { id: factId(randomUUID()), type: 'WaveResumed', data: {}, metadata };
  valueOf(await log.append('wave-7', [fact], 'none'));
  await log.close();
  const opened = await openRegistry(other, wallClock, () => undefined);
  expect(opened).toMatchObject({ error: expect.stringContaining('is the log of a run') });
  await rm(other, { recursive: true });
});

it('a new key is not shown on a connection that was lost while it was made', async () => {
  const directory = await site.unpack(await site.invite('web01'));
  await (await site.agent(directory).then((agent) => untilState('enrolled.connected').then(() => agent))).stop();
  const identity = valueOf(await openGuestIdentity(directory));
  const held = valueOf(await identity.held());
  if (!held) throw new Error('it is not enrolled');
  const about = { connection: 'control', version: '1', bootId: 'b', run: 'r', stage: 'source' } as const;
  const { line, rotation } = valueOf(
    await greetGateway(identity, held, { ...about, can: [] }, new AbortController().signal),
  );
  await line.close();
  expect(await rotation()).toMatchObject({ error: { type: 'Unreachable' } });
});

describe('at the door', () => {
  it('a token that was used is of no use to another guest', async () => {
    const secrets = await site.invite('web01');
    await site.agent(await site.unpack(secrets));
    await untilState('enrolled.connected');
    const thief = await site.agent(await site.unpack(secrets, join(site.folder, 'thief')));
    await vi.waitFor(() => expect(thief.status.state).toBe('refused'));
    expect(thief.status.detail).toContain('make a new bundle');
    expect(stateOf()).toBe('enrolled.connected');
    expect(await facts()).toContain('SentinelRefused token replayed');
  });

  it('an enrolment whose answer was lost is asked for again with the same key', async () => {
    const secrets = await site.invite('web01');
    const directory = await site.unpack(secrets);
    const first = await site.agent(directory);
    await untilState('enrolled.connected');
    await first.stop();
    await writeFile(join(directory, 'token'), secrets.token);
    await rm(join(directory, 'cert.pem'));
    await site.agent(directory);
    await untilState('enrolled.connected');
    expect(await facts()).toContain('CertificateRotated');
  });

  it('an expired token, one of nobody and one that was withdrawn are refused', async () => {
    const directory = await site.unpack(await site.invite('web01'));
    await site.restart({ clock: laterClock(dayMs + 1_000) });
    const late = await site.agent(directory);
    await vi.waitFor(() => expect(late.status.state).toBe('refused'));
    expect(await facts()).toEqual(['BundleMade', 'SentinelRefused token expired']);
    await late.stop();
    await writeFile(join(directory, 'token'), 'guessed');
    const guesser = await site.agent(directory);
    await vi.waitFor(() => expect(guesser.status.state).toBe('refused'));
    expect(await facts('unknown')).toEqual(['SentinelRefused token unknown']);
    const second = await site.unpack(await site.invite('web02'));
    valueOf(await site.guests.revoke(sentinelId('web02'), 'a mistake', 'ada'));
    await site.agent(second);
    await vi.waitFor(async () => expect((await facts('unknown')).length + (await facts('web02')).length).toBe(3));
  });

  it('a key is proven on the connection it is shown on, and by nobody else', async () => {
    const { token } = await site.invite('web01');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const other = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
    const publicKey = publicKeyOf(privateKey).toString('base64');
    const enrolWith = (make: (socket: TLSSocket) => Buffer) =>
      saidTo({}, (socket) => {
        const about = { protocol: { min: 1, max: 1 }, token, hostname: 'h', version: '1' };
        const proof = make(socket).toString('base64');
        return framed(JSON.stringify({ type: 'Enrol', publicKey, proof, ...about }));
      });
    let overheard: Buffer = Buffer.alloc(0);
    // For another purpose, and of another key; what was made is kept.
    const wrong = (socket: TLSSocket) => (overheard = prove(socket, 'rotate', privateKey));
    expect(await enrolWith(wrong)).toContain('"why":"unproven"');
    expect(await enrolWith((socket) => prove(socket, 'enrol', other))).toContain('"why":"unproven"');
    expect(await enrolWith(() => overheard)).toContain('"why":"unproven"');
    expect(await enrolWith(() => Buffer.from('nonsense'))).toContain('"why":"unproven"');
    expect(new Set((await facts()).slice(1))).toEqual(new Set(['SentinelRefused token unproven']));
    expect(await enrolWith((socket) => (overheard = prove(socket, 'enrol', privateKey)))).toContain('Enrolled');
    expect(await enrolWith(() => overheard)).toContain('"why":"unproven"');
  });

  it('a revoked sentinel is cut off at once, and does not come back', async () => {
    const directory = await site.unpack(await site.invite('web01'));
    const agent = await site.agent(directory);
    await untilState('enrolled.connected');
    valueOf(await site.guests.revoke(web01, 'stolen', 'ada'));
    await vi.waitFor(() => expect(agent.status.state).toBe('refused'));
    expect(stateOf()).toBe('revoked');
    expect((await facts()).slice(3)).toContain('SentinelRefused identity revoked');
    expect(await site.guests.revoke(web01, 'again', 'ada')).toMatchObject({ ok: false });
    // The name may be used anew.
    const again = await site.unpack(await site.invite('web01'), join(site.folder, 'again'));
    await site.agent(again);
    await untilState('enrolled.connected');
  });

  it('a certificate is refused after its end', async () => {
    const directory = await site.unpack(await site.invite('web01'));
    const agent = await site.agent(directory);
    await untilState('enrolled.connected');
    await agent.stop();
    await site.restart({ clock: laterClock(31 * dayMs) });
    const late = await site.agent(directory);
    await vi.waitFor(() => expect(late.status.state).toBe('refused'));
    expect(await facts()).toContain('SentinelRefused identity expired');
  });

  it('certificates of another authority, of another role and none at all are refused', async () => {
    const other = await startGuestSite();
    const directory = await other.unpack(await other.invite('web01'));
    const agent = await other.agent(directory);
    await vi.waitFor(() => expect(agent.status.state).toBe('connected'));
    await agent.stop();
    const foreign = await site.unpack(await site.invite('web01'));
    for (const name of ['key.pem', 'cert.pem']) await cp(join(directory, name), join(foreign, name));
    const stranger = await site.agent(foreign);
    await vi.waitFor(() => expect(stranger.status.state).toBe('refused'));
    await other.close();
    expect(await facts('unknown')).toEqual(['SentinelRefused identity foreign']);
    expect(await facts()).toEqual(['BundleMade']);
    const manager = valueOf(await readCredentials(site.certificates, 'manager'));
    expect(await saidTo({ cert: manager.cert, key: manager.key })).toContain('"why":"foreign"');
    expect(await saidTo({})).toContain('"why":"foreign"');
  });

  it('who talks nonsense is told so, and the others do not notice', async () => {
    await site.agent(await site.unpack(await site.invite('web01')));
    await untilState('enrolled.connected');
    expect(await saidTo({}, Buffer.from('GET / HTTP/1.1\r\n\r\n'))).toContain('where 1048576 are allowed');
    expect(await saidTo({}, framed('{"type":"Ask"}'))).toContain('not understood');
    expect(await saidTo({}, framed('nonsense'))).toContain('not JSON');
    expect(stateOf()).toBe('enrolled.connected');
  });

  it('a gateway that is not the pinned one is told nothing', async () => {
    const other = await startGuestSite();
    const secrets = await site.invite('web01');
    const directory = await site.unpack({ ...secrets, guests: other.guests.address });
    const agent = await site.agent(directory);
    await vi.waitFor(() => expect(agent.status.detail).toContain('not the gateway of this sentinel'));
    // The same authority, but another key: only the pin tells them apart.
    const pinned = await site.unpack({ ...secrets, pins: ['0'.repeat(64)] }, join(site.folder, 'pinned'));
    const careful = await site.agent(pinned);
    await vi.waitFor(() => expect(careful.status.detail).toContain('its key is another one'));
    await other.close();
    expect(await facts()).toEqual(['BundleMade']);
  });
});

const framed = (json: string): Buffer => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(Buffer.byteLength(json));
  return Buffer.concat([head, Buffer.from(json)]);
};

const hello = {
  ...{ type: 'Hello', protocol: { min: 1, max: 1 }, connection: 'control', sentinel: 'web01', version: '1' },
  ...{ bootId: 'b', run: 'r', stage: 'source', can: [] },
};

/** What the guests' port says to someone. */
async function saidTo(
  shown: { readonly cert?: string; readonly key?: string },
  say: Buffer | ((socket: TLSSocket) => Buffer) = framed(JSON.stringify(hello)),
): Promise<string> {
  const [host, port] = site.guests.address.split(':');
  const socket: TLSSocket = connect({ ...shown, host, port: Number(port), rejectUnauthorized: false });
  socket.on('error', () => undefined);
  socket.once('secureConnect', () => socket.write(typeof say === 'function' ? say(socket) : say));
  const said: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => said.push(chunk));
  await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(said).toString();
}
