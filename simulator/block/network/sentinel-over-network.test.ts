import { describe, expect, it } from 'vitest';
import type { EventLog } from '#core/event-log/event-log';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { diskId, sentinelId } from '#core/ids';
import { ok } from '#core/result';
import { after, bytes, instant, KiB, millis, minutes, MiB, offset, seconds, type Millis } from '#core/units';
import { openGuestsAt, type Guests } from '#replicator/gateway/guests/guests';
import type { BundleSecrets } from '#replicator/protocol/guest-message';
import type { GuestNetwork } from '#replicator/protocol/guest-network';
import { enrolAt, greetGateway } from '#replicator/sentinel/agent/greet';
import { serveDisks } from '#replicator/sentinel/data-connection/serve-disks';
import { alignedMemory } from '#replicator/sentinel/disks/aligned-memory';
import { openGuestIdentity, type GuestIdentity } from '#replicator/sentinel/identity/guest-identity';
import type { Identities } from '#replicator/sentinel/identity/identities';
import type { IdentityFiles } from '#replicator/sentinel/identity/identity-files';
import { simulatedProcess } from '#simulator/block/process';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { memoryGuest } from '#test/support/memory-guest';
import { valueOf } from '#test/support/value-of';
import { simulatedAuthority, simulatedGateway, simulatedIdentities } from './simulated-identities.ts';
import { simulatedNetwork } from './simulated-network.ts';

/* The code of a sentinel's seam against the gateway's own port for sentinels: a simulated network, and virtual time. */

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const web01 = sentinelId('web01');
const start = instant(1_767_225_600_000);
const life = minutes(600);

type Files = Map<string, string>;
const filesIn = (all: Files): IdentityFiles => ({
  read: async (name) => all.get(name),
  write: async (name, text) => void all.set(name, text),
  rename: async (from, to) => {
    all.set(to, all.get(from) ?? '');
    all.delete(from);
  },
  remove: async (name) => void all.delete(name),
});

/** A gateway that guests can come to, with its log, and guests. */
function site(seed = 1) {
  const clock = virtualClock({ turn, start });
  const rng = seededRng(seed);
  const net = simulatedNetwork({ clock, rng: rng.fork('network'), note: () => undefined });
  const run = <T>(work: () => Promise<T>): Promise<T> => clock.run(work());
  const log = inMemoryEventLog();
  const gatewayOf = (name: string, own: EventLog) => {
    const gateway = simulatedGateway(name);
    let lives = 0;
    const open = async (patience: Millis = seconds(5)) => {
      lives += 1;
      const process = simulatedProcess(`${name} ${lives}`);
      const guests = valueOf(
        await openGuestsAt(
          {
            entry: net.guestEntry(process, name, gateway),
            authority: simulatedAuthority(gateway, rng.fork(`authority of ${process.name}`)),
            ...{ logName: 'the log', openLog: async () => ok({ ...own, close: async () => undefined }) },
          },
          { listen: `${name}:7300`, clock, patience, certificateLife: life, log: () => undefined },
        ),
      );
      return { process, guests };
    };
    return { gateway, open };
  };
  const guestOf = (host: string, files: Files = new Map()) => {
    const process = simulatedProcess(host);
    const identities = simulatedIdentities(rng.fork(`identities of ${host}`));
    return { process, files, identities, way: { network: net.guestNetwork(process, host), clock } };
  };
  const facts = async (id = 'web01'): Promise<readonly string[]> => {
    const told: string[] = [];
    for await (const { type, data } of log.readStream(`sentinel-${id}`)) {
      const { what, why } = data as { what?: string; why?: string };
      told.push(what === undefined ? type : `${type} ${what} ${why}`);
    }
    return told;
  };
  return { clock, net, run, log, gatewayOf, guestOf, facts, main: gatewayOf('gateway', log) };
}

const invite = async (guests: Guests, name = web01): Promise<BundleSecrets> =>
  valueOf(await guests.invite({ name, os: 'linux', standalone: false, valid: minutes(60), by: 'ada' }));

function unpack(files: Files, { guests: gateway, sentinel, pins, ca, token }: BundleSecrets): void {
  files.set('sentinel.json', JSON.stringify({ gateway, sentinel, pins }));
  files.set('ca-cert.pem', ca);
  files.set('token', token);
}

type Guest = ReturnType<ReturnType<typeof site>['guestOf']>;
const identityOf = async ({ files, identities }: Guest): Promise<GuestIdentity> =>
  valueOf(await openGuestIdentity('/etc/sealift-sentinel', { files: filesIn(files), identities }));
const about = { version: '1', bootId: 'b', run: 'r', stage: 'source', can: [] } as const;
const going = (): AbortSignal => new AbortController().signal;

async function enrolled(guest: Guest, secrets: BundleSecrets): Promise<GuestIdentity> {
  unpack(guest.files, secrets);
  const identity = await identityOf(guest);
  valueOf(await enrolAt(identity, { hostname: 'web01', version: '1' }, going(), guest.way));
  return identity;
}

async function greeted(guest: Guest, connection: 'control' | 'data', way = guest.way) {
  const identity = await identityOf(guest);
  const held = valueOf(await identity.held());
  if (!held) throw new Error('it is not enrolled');
  return greetGateway(identity, held, { ...about, can: [], connection }, going(), way);
}

/** Answers what the gateway asks, as an agent does that knows one thing. */
async function connected(guest: Guest) {
  const admitted = valueOf(await greeted(guest, 'control'));
  const { line } = admitted;
  const heard: string[] = [];
  line.listen({
    onSaid: (word) => {
      heard.push(word.type);
      if (word.type === 'Ask') line.say({ type: 'Answer', id: word.id, value: [{ disk: 'vda', dirty: 4_096 }] });
    },
    onEnd: (end) => heard.push(end.type),
  });
  return { ...admitted, heard };
}

describe('a sentinel in virtual time', () => {
  it('enrols, is admitted, answers, loses its connection and comes again', async () => {
    const { run, main, guestOf, facts, net, clock } = site();
    await run(async () => {
      const { guests } = await main.open();
      const guest = guestOf('vm-1');
      await enrolled(guest, await invite(guests));
      expect([...guest.files.keys()].toSorted()).toEqual(['ca-cert.pem', 'cert.pem', 'key.pem', 'sentinel.json']);
      const first = await connected(guest);
      expect(first.terms.heartbeat).toBe(5_000);
      const mark = { owner: 'm-1', number: 0 };
      expect(await guests.ask(web01)('changes', { mark })).toEqual(ok([{ disk: 'vda', dirty: 4_096 }]));
      net.cut('vm-1', 'gateway');
      await clock.wait(seconds(1));
      expect(first.heard).toEqual(['Ask', 'ConnectionLost']);
      expect(await guests.ask(web01)('changes', { mark })).toMatchObject({ error: { type: 'Unreachable' } });
      const asked = guests.ask(web01)('changes', { mark });
      await connected(guest);
      expect(await asked).toMatchObject({ ok: true });
    });
    expect(await facts()).toEqual([
      ...['BundleMade', 'SentinelEnrolled', 'SentinelConnected', 'SentinelLost', 'SentinelConnected'],
    ]);
  });

  it('that is behind a silent link is given up after the silence of its rhythm, by both', async () => {
    const { run, main, guestOf, facts, net, clock } = site();
    await run(async () => {
      const { guests } = await main.open();
      const guest = guestOf('vm-1');
      await enrolled(guest, await invite(guests));
      const { heard, line } = await connected(guest);
      line.expectWithin(seconds(20));
      net.link('vm-1', 'gateway').partition();
      await clock.wait(seconds(19));
      expect(heard).toEqual([]);
      await clock.wait(seconds(10));
      expect(heard).toEqual(['ConnectionLost']);
    });
    expect((await facts()).at(-1)).toBe('SentinelLost');
  });

  it('whose process dies is gone at its gateway, and one whose gateway dies finds it again', async () => {
    const { run, main, guestOf, facts, clock } = site();
    await run(async () => {
      const opened = await main.open();
      const guest = guestOf('vm-1');
      await enrolled(guest, await invite(opened.guests));
      await connected(guest);
      guest.process.kill();
      await clock.wait(seconds(1));
      expect((await facts()).at(-1)).toBe('SentinelLost');
      const again = guestOf('vm-1', guest.files);
      const { heard } = await connected(again);
      opened.process.kill();
      await clock.wait(seconds(1));
      expect(heard).toEqual(['ConnectionLost']);
      const { guests } = await main.open();
      await connected(again);
      expect(guests.list()).toMatchObject([{ id: 'web01', state: 'enrolled.connected' }]);
    });
  });

  it('has its disks read over its data connection, at the moments of this clock', async () => {
    const { run, main, guestOf, net, clock } = site();
    await run(async () => {
      const { guests } = await main.open();
      const guest = guestOf('vm-1');
      await enrolled(guest, await invite(guests));
      await connected(guest);
      const content = Buffer.alloc(2 * MiB);
      for (let at = 0; at < content.length; at += 4) content.writeUInt32LE(at, at);
      const disks = memoryGuest(diskId('vda'), content, alignedMemory(8, MiB));
      const { line } = valueOf(await greeted(guest, 'data'));
      const stream = line.handOver();
      const service = serveDisks(stream, disks, { clock });
      stream.resume();
      const locator = { type: 'sentinel', sentinel: web01, disk: diskId('vda') } as const;
      const { device } = valueOf(await guests.openDisk(locator));
      const into = Buffer.alloc(content.length);
      valueOf(await device.read(offset(0), into));
      expect(into.equals(content)).toBe(true);
      // Nothing is asked for longer than any silence may last, and it is still there.
      await clock.wait(minutes(5));
      valueOf(await device.read(offset(0), into.subarray(0, 64 * KiB)));
      net.stall('vm-1', 'gateway');
      const lost = await device.read(offset(0), into.subarray(0, bytes(64 * KiB)));
      expect(lost).toMatchObject({ error: { type: 'ConnectionLost', detail: expect.stringContaining('silent') } });
      expect(await service.ended).toMatchObject({ type: 'ConnectionLost' });
    });
  });
});

describe('at the door in virtual time', () => {
  /** A guest of another gateway, enrolled there, that comes here with what it has from there. */
  it('a foreign certificate and none at all are refused, with a fact', async () => {
    const { run, main, gatewayOf, guestOf, facts } = site();
    await run(async () => {
      const { guests } = await main.open();
      const secrets = await invite(guests);
      const other = await gatewayOf('elsewhere', inMemoryEventLog()).open();
      const stranger = guestOf('vm-2');
      await enrolled(stranger, await invite(other.guests));
      unpack(stranger.files, secrets);
      expect(await greeted(stranger, 'control')).toMatchObject({ error: { type: 'Refused', why: 'foreign' } });
      const naked: GuestNetwork = {
        connect: (wanted, signal) => stranger.way.network.connect({ ...wanted, shown: undefined }, signal),
      };
      // Within the minute in which a flood is noted once.
      expect(await greeted(stranger, 'control', { ...stranger.way, network: naked })).toMatchObject({
        error: { type: 'Refused', why: 'foreign' },
      });
    });
    expect(await facts('unknown')).toEqual(['SentinelRefused identity foreign']);
    expect(await facts()).toEqual(['BundleMade']);
  });

  it('a gateway of another authority, or with another key, is told nothing', async () => {
    const { run, main, gatewayOf, guestOf, facts } = site();
    await run(async () => {
      const { guests } = await main.open();
      const secrets = await invite(guests);
      const other = await gatewayOf('elsewhere', inMemoryEventLog()).open();
      const lost = guestOf('vm-2');
      unpack(lost.files, { ...secrets, guests: other.guests.address });
      const enrol = async () => enrolAt(await identityOf(lost), { hostname: 'h', version: '1' }, going(), lost.way);
      expect(await enrol()).toMatchObject({
        error: { type: 'NotOurGateway', detail: expect.stringContaining('chain') },
      });
      unpack(lost.files, { ...secrets, pins: ['0'.repeat(64)] });
      expect(await enrol()).toMatchObject({
        error: { type: 'NotOurGateway', detail: expect.stringContaining('another one') },
      });
    });
    expect(await facts()).toEqual(['BundleMade']);
  });

  it('a proof of another key, for another purpose or of another connection proves nothing', async () => {
    const { run, main, guestOf, facts } = site();
    await run(async () => {
      const { guests } = await main.open();
      const guest = guestOf('vm-1');
      unpack(guest.files, await invite(guests));
      let overheard = new Uint8Array();
      const enrolWith = async (prove: Identities['prove']) => {
        const identities: Identities = {
          ...guest.identities,
          prove: (secret, purpose, key) => (overheard = new Uint8Array(prove(secret, purpose, key))),
        };
        return enrolAt(await identityOf({ ...guest, identities }), { hostname: 'h', version: '1' }, going(), guest.way);
      };
      const { prove, newKey } = guest.identities;
      const unproven = { error: { type: 'Refused', why: 'unproven' } };
      expect(await enrolWith((secret, _, key) => prove(secret, 'rotate', key))).toMatchObject(unproven);
      expect(await enrolWith((secret, purpose) => prove(secret, purpose, newKey()))).toMatchObject(unproven);
      const before = await enrolWith((secret, purpose, key) => prove(secret, purpose, key));
      expect(before).toMatchObject({ ok: true });
      unpack(guest.files, { ...(await invite(guests, sentinelId('web02'))), sentinel: web01 });
      guest.files.delete('cert.pem');
      const kept = overheard;
      expect(await enrolWith(() => kept)).toMatchObject(unproven);
    });
    expect(await facts()).toEqual([
      'BundleMade',
      'SentinelRefused token unproven',
      'SentinelRefused token unproven',
      'SentinelEnrolled',
    ]);
    expect(await facts('web02')).toEqual(['BundleMade', 'SentinelRefused token unproven']);
  });

  it('a token that was used, one that has expired and one of nobody are refused', async () => {
    const { run, main, guestOf, facts, clock } = site();
    await run(async () => {
      const { guests } = await main.open();
      const secrets = await invite(guests);
      await enrolled(guestOf('vm-1'), secrets);
      const tryAt = async (host: string, shown: BundleSecrets) => {
        const thief = guestOf(host);
        unpack(thief.files, shown);
        return enrolAt(await identityOf(thief), { hostname: 'h', version: '1' }, going(), thief.way);
      };
      expect(await tryAt('vm-2', secrets)).toMatchObject({ error: { why: 'replayed' } });
      expect(await tryAt('vm-2', { ...secrets, token: 'guessed' })).toMatchObject({ error: { why: 'unknown' } });
      const late = await invite(guests, sentinelId('web02'));
      await clock.wait(minutes(61));
      expect(await tryAt('vm-3', late)).toMatchObject({ error: { why: 'expired' } });
    });
    expect(await facts('web02')).toEqual(['BundleMade', 'SentinelRefused token expired']);
  });

  it('a certificate is rotated, the one before is superseded once the new one was used, and each has its end', async () => {
    const { run, main, guestOf, facts, clock } = site();
    await run(async () => {
      const { guests } = await main.open();
      const guest = guestOf('vm-1');
      const identity = await enrolled(guest, await invite(guests));
      const copy = guestOf('vm-2', new Map(guest.files));
      const { line, rotation } = await connected(guest);
      const told = new Promise<string>((resolve) => {
        line.listen({ onSaid: (word) => word.type === 'Rotated' && resolve(word.certificate), onEnd: () => undefined });
      });
      line.say(valueOf(await rotation()));
      valueOf(await identity.keep('rotate', await told));
      // Of use until the new one was.
      const old = await greeted(copy, 'data');
      expect(old.ok).toBe(true);
      await connected(guest);
      expect(await greeted(copy, 'control')).toMatchObject({ error: { type: 'Refused', why: 'superseded' } });
      await clock.wait(millis(after(instant(life), minutes(1))));
      expect(await greeted(guest, 'control')).toMatchObject({ error: { type: 'Refused', why: 'expired' } });
      valueOf(await guests.revoke(web01, 'stolen', 'ada'));
      expect(await greeted(guest, 'control')).toMatchObject({ error: { type: 'Refused', why: 'revoked' } });
    });
    expect(
      (await facts()).filter((fact) => fact.startsWith('SentinelRefused') || fact === 'CertificateRotated'),
    ).toEqual([
      ...['CertificateRotated', 'SentinelRefused identity superseded'],
      ...['SentinelRefused identity expired', 'SentinelRefused identity revoked'],
    ]);
  });

  it('is the same from the same seed', async () => {
    const told = async (seed: number): Promise<string> => {
      const { run, main, guestOf, log, clock } = site(seed);
      await run(async () => {
        const { guests } = await main.open();
        const guest = guestOf('vm-1');
        await enrolled(guest, await invite(guests));
        await connected(guest);
        await clock.wait(seconds(7));
      });
      const all: unknown[] = [];
      for await (const { id, type, data, metadata } of log.readAll()) all.push([id, type, data, metadata.time]);
      return JSON.stringify(all);
    };
    expect(await told(5)).toBe(await told(5));
    expect(await told(5)).not.toBe(await told(6));
  });
});
