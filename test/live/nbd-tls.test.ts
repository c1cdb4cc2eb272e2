import { readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MiB, offset } from '#core/units';
import { connectNbd, listNbdExports, type NbdConnectOptions } from '#replicator/nbd/client';
import { describeNbdError } from '#replicator/nbd/nbd-error';
import { makeAuthority, writeCertificates } from '#test/support/nbd-certificates';
import { startNbdServer, type NbdServer } from '#test/support/nbd-server';
import { needs } from '#test/support/programs';
import { temporaryFolder } from '#test/support/qemu-machine';
import { valueOf } from '#test/support/value-of';

const kit = needs('nbdkit', 'qemu-nbd');
describe.skipIf(!kit.available)(kit.title('NBD client over TLS'), () => {
  let folder: string;
  let certificates: string;
  let strangers: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    const authority = makeAuthority('one of ours');
    certificates = await writeCertificates(join(folder, 'pki'), authority, ['server', 'client']);
    strangers = await writeCertificates(join(folder, 'strangers'), makeAuthority('a stranger'), ['server', 'client']);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const servers: NbdServer[] = [];
  afterEach(() => Promise.all(servers.splice(0).map((server) => server.dispose())));

  const serve = async (
    args: readonly string[],
    more: { tcp?: boolean; trusting?: string } = {},
  ): Promise<NbdServer> => {
    const query = `tls-certificates=${more.trusting ?? certificates}`;
    const all = ['--tls=require', `--tls-certificates=${certificates}`, ...args];
    const server = await startNbdServer({ program: 'nbdkit', args: all, tcp: more.tcp ?? true, scheme: 'nbds', query });
    servers.push(server);
    return server;
  };
  const outcome = async (uri: string, options: NbdConnectOptions = {}): Promise<string> => {
    const result = await connectNbd(uri, options);
    if (result.ok) await result.value.close();
    return result.ok ? 'connected' : describeNbdError(result.error);
  };

  it.each([true, false])('reads and writes through TLS (TCP: %s)', async (tcp) => {
    const server = await serve(['memory', '16M'], { tcp });
    const device = valueOf(await connectNbd(server.uri(), { connections: 2 }));
    // Awkward lengths: records of TLS and chunks of NBD never end together.
    const written = Uint8Array.from({ length: 5 * MiB + 512 }, (_, i) => (i * 13 + (i >> 10)) & 0xff);
    valueOf(await device.write(offset(512), written));
    const read = new Uint8Array(written.length);
    valueOf(await device.read(offset(512), read));
    expect(Buffer.from(read).equals(written)).toBe(true);
    expect(device.info.structuredReplies && device.can.extents).toBe(true);
    await device.close();
    expect(valueOf(await listNbdExports(server.uri()))).toHaveLength(1);
  });

  it('reads from qemu-nbd through TLS', async () => {
    const disk = join(folder, 'disk.raw');
    await writeFile(disk, Buffer.alloc(MiB, 7));
    const credentials = `tls-creds-x509,id=t,endpoint=server,dir=${certificates},verify-peer=yes`;
    const server = await startNbdServer({
      program: 'qemu-nbd',
      args: ['--object', credentials, '--tls-creds=t', '--format=raw', '--read-only', disk],
      tcp: true,
      scheme: 'nbds',
      query: `tls-certificates=${certificates}`,
    });
    servers.push(server);
    const device = valueOf(await connectNbd(server.uri()));
    const read = new Uint8Array(MiB);
    valueOf(await device.read(offset(0), read));
    expect(Buffer.from(read).equals(Buffer.alloc(MiB, 7))).toBe(true);
    await device.close();
  });

  it('answers calls in flight when the server dies under TLS', async () => {
    const server = await serve(['--filter=delay', 'memory', '1M', 'rdelay=60']);
    const device = valueOf(await connectNbd(server.uri()));
    const call = device.read(offset(0), new Uint8Array(512));
    await server.kill();
    expect(await call).toMatchObject({ error: { type: 'ConnectionLost' } });
    await device.close();
  });

  it('does not trust a server whose certificate another authority signed', async () => {
    const server = await serve(['memory', '1M'], { trusting: strangers });
    expect(await outcome(server.uri())).toMatch(/^the TLS handshake with the server failed: .*(certificate|signature)/);
    // Nor with the authorities of this machine.
    expect(await outcome(server.uri().replace(/[?&]tls-certificates=.*/, ''))).toMatch(
      /^the TLS handshake .* failed: /,
    );
  });

  it('does not trust a server with a name that is not in its certificate', async () => {
    const server = await serve(['memory', '1M']);
    const tls = { ca: await readFile(join(certificates, 'ca-cert.pem'), 'utf8') };
    expect(await outcome(server.uri(), { tls })).toBe('connected');
    expect(await outcome(server.uri(), { tls: { ...tls, serverName: 'elsewhere.example' } })).toContain(
      "does not match certificate's altnames",
    );
    const overUnix = await serve(['memory', '1M'], { tcp: false });
    expect(await outcome(overUnix.uri(), { tls: { ...tls, serverName: 'localhost' } })).toBe('connected');
    expect(await outcome(overUnix.uri(), { tls: { ...tls, serverName: 'elsewhere' } })).toContain('altnames');
  });

  it('proves who it is to a server that asks, and says so when it cannot', async () => {
    const server = await serve(['--tls-verify-peer', 'memory', '1M']);
    expect(await outcome(server.uri())).toBe('connected');
    const tls = { ca: await readFile(join(certificates, 'ca-cert.pem'), 'utf8') };
    expect(await outcome(server.uri(), { tls })).toMatch(
      /^the TLS handshake .*(certificate required|may ask for a client certificate)/,
    );
    const halved = await writeCertificates(join(folder, 'halved'), makeAuthority('x'), ['client']);
    await unlink(join(halved, 'client-key.pem'));
    expect(await outcome(`nbds://127.0.0.1/?tls-certificates=${halved}`)).toContain('client-key.pem');
  });

  it('says what to do where one side wants TLS and the other does not', async () => {
    const server = await serve(['memory', '1M']);
    const inTheClear = server.uri().replace('nbds:', 'nbd:').replace(/\?.*/, '');
    expect(await outcome(inTheClear)).toBe('the server insists on TLS; use nbds:// or nbds+unix:// in the address');
    const plain = await startNbdServer({
      program: 'nbdkit',
      args: ['memory', '1M'],
      tcp: true,
      scheme: 'nbds',
      query: `tls-certificates=${certificates}`,
    });
    servers.push(plain);
    expect(await outcome(plain.uri())).toContain('the address asks for TLS but the server does not offer it');
  });

  it('says what is wrong with certificates that are none', async () => {
    const server = await serve(['memory', '1M']);
    const bad = join(folder, 'bad');
    await writeCertificates(bad, makeAuthority('x'), ['client']);
    await writeFile(join(bad, 'client-key.pem'), 'not a key');
    const uri = server.uri().replace(certificates, bad);
    expect(await outcome(uri)).toContain(`the TLS certificates in ${bad} cannot be used: `);
    expect(await outcome(uri, { tls: { ca: 'not a certificate' } })).toContain('certificates in the options cannot be');
  });
});
