import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { instant } from '#core/units';
import { readCredentials } from '#replicator/protocol/credentials';
import { roleIn } from '#replicator/protocol/role';
import { valueOf } from '#test/support/value-of';
import { describeCertificatesError, makeCertificates } from './make-certificates.ts';

let directory: string;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'sealift-certs-')), 'made');
});
afterEach(() => rm(join(directory, '..'), { recursive: true }));

const certificateAt = async (name: string): Promise<X509Certificate> =>
  new X509Certificate(await readFile(join(directory, `${name}-cert.pem`)));
const holders = ['gateway', 'receiver', 'manager', 'server', 'client'];

describe('certificates', () => {
  it('are made for each role, by one authority, for the hosts that were named', async () => {
    const { made, kept } = valueOf(await makeCertificates({ directory, hosts: ['10.1.2.3', 'fe80::7', 'gw.example'] }));
    expect([made.length, kept.length]).toEqual([14, 0]);
    const ca = await certificateAt('ca');
    expect(ca.ca).toBe(true);
    for (const holder of holders) {
      const certificate = await certificateAt(holder);
      expect(certificate.checkIssued(ca) && certificate.verify(ca.publicKey)).toBe(true);
      expect(certificate.ca).toBe(false);
      expect(certificate.checkHost('gw.example')).toBe('gw.example');
      expect(certificate.checkHost('other.example')).toBeUndefined();
      expect([certificate.checkIP('10.1.2.3'), certificate.checkIP('fe80::7')]).toEqual(['10.1.2.3', 'fe80::7']);
      const key = await readFile(join(directory, `${holder}-key.pem`));
      expect(() => createSecureContext({ cert: certificate.toString(), key, ca: ca.toString() })).not.toThrow();
    }
  });

  it('say one role each, and those for NBD none of sealift', async () => {
    valueOf(await makeCertificates({ directory }));
    const roles = await Promise.all(holders.map(async (holder) => roleIn(await certificateAt(holder))));
    expect(roles).toEqual(['gateway', 'receiver', 'manager', undefined, undefined]);
  });

  it('have keys that only their owner can read', async () => {
    valueOf(await makeCertificates({ directory }));
    for (const name of await readdir(directory)) {
      const { mode } = await stat(join(directory, name));
      expect((mode & 0o777).toString(8), name).toBe(name.endsWith('-key.pem') ? '600' : '644');
    }
  });

  it('are never overwritten; what is missing is made by the same authority', async () => {
    valueOf(await makeCertificates({ directory }));
    const before = await readFile(join(directory, 'receiver-cert.pem'), 'utf8');
    await unlink(join(directory, 'gateway-cert.pem'));
    await unlink(join(directory, 'gateway-key.pem'));
    const { made, kept } = valueOf(await makeCertificates({ directory }));
    expect(made).toEqual([join(directory, 'gateway-cert.pem'), join(directory, 'gateway-key.pem')]);
    expect(kept).toHaveLength(12);
    expect(await readFile(join(directory, 'receiver-cert.pem'), 'utf8')).toBe(before);
    expect((await certificateAt('gateway')).verify((await certificateAt('ca')).publicKey)).toBe(true);
  });

  it('are valid from a day ago for as long as was said', async () => {
    const clock = { now: () => instant(Date.UTC(2049, 11, 30, 12)), wait: async () => undefined };
    valueOf(await makeCertificates({ directory, days: 90, clock }));
    const { validFrom, validTo } = await certificateAt('manager');
    expect([validFrom, validTo]).toEqual(['Dec 29 12:00:00 2049 GMT', 'Mar 30 12:00:00 2050 GMT']);
  });

  it('refuse to guess about half a pair, a foreign certificate and a file that is none', async () => {
    valueOf(await makeCertificates({ directory }));
    const key = join(directory, 'manager-key.pem');
    const original = await readFile(key);
    await unlink(key);
    const half = await makeCertificates({ directory });
    expect(half).toMatchObject({ error: { type: 'HalfPair', missing: key } });
    if (!half.ok) expect(describeCertificatesError(half.error)).toContain('put it back');
    await writeFile(key, await readFile(join(directory, 'gateway-key.pem')));
    expect(await makeCertificates({ directory })).toMatchObject({ error: { type: 'NotOurs' } });
    await writeFile(key, 'no key');
    expect(await makeCertificates({ directory })).toMatchObject({ error: { type: 'NotOurs' } });
    await writeFile(key, original);
    for (const part of ['cert', 'key']) await unlink(join(directory, `ca-${part}.pem`));
    const strange = await makeCertificates({ directory });
    expect(strange).toMatchObject({ error: { type: 'NotOurs', path: join(directory, 'gateway-cert.pem') } });
  });

  it.each([['two words'], ['-dash'], [''], ['fe80::1%eth0']])('are not made for the host %j', async (host) => {
    expect(await makeCertificates({ directory, hosts: [host] })).toEqual({
      ok: false,
      error: { type: 'HostInvalid', host },
    });
  });

  it.each([[0], [1.5], [100_000]])('are not made for %j days', async (days) => {
    expect(await makeCertificates({ directory, days })).toEqual({ ok: false, error: { type: 'DaysInvalid', days } });
  });

  it('say what is missing to who would read them', async () => {
    expect(await readCredentials(directory, 'gateway')).toMatchObject({ error: { type: 'CredentialsMissing' } });
    valueOf(await makeCertificates({ directory }));
    expect(valueOf(await readCredentials(directory, 'gateway')).role).toBe('gateway');
    await writeFile(join(directory, 'gateway-cert.pem'), await readFile(join(directory, 'manager-cert.pem')));
    const wrong = await readCredentials(directory, 'gateway');
    expect(wrong).toMatchObject({
      error: { type: 'CredentialsUnusable', detail: 'it is a certificate for manager, not for the gateway' },
    });
  });
});
