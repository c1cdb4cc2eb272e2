import { describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import type { ChangeMark } from '#core/ports/source-hypervisor';
import { bytes, instant, minutes, seconds } from '#core/units';
import { answerCall } from '#replicator/sentinel/agent/answer-call';
import { rateKeeper } from '#replicator/sentinel/agent/give-way';
import type { Asks, CallName } from '#replicator/sentinel/control/calls';
import { stagePath } from '#replicator/sentinel/stage/stage-file';
import { placePath } from '#replicator/sentinel/stage/saved-place';
import { proceduralDisk } from '#simulator/block/disk/procedural-disk';
import { simulatedProcess } from '#simulator/block/process';
import { hasSentinel, sentinelUnit } from './installed-sentinel.ts';
import { guestDiskOf } from '#simulator/block/world/guest-disk-of';
import type { GuestHardware } from '#simulator/endpoints/guest/hardware';
import { installDebian } from '#simulator/endpoints/guest/install';
import { startGuest } from '#simulator/endpoints/guest/running-guest';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { valueOf } from '#test/support/value-of';
import { guestKernel } from './guest-kernel.ts';
import { simulatedSentinelParts, type SimulatedSentinelParts } from './sentinel-parts.ts';

const vda = diskId('vda');
const mac = '52:54:00:00:00:01';
const mark = (number: number): ChangeMark => ({ owner: 'm', number });
const grain = 65_536;
const hardware: GuestHardware = {
  ...{
    firmware: 'bios',
    controller: 'virtio-blk',
    nicModel: 'virtio',
    bootEntries: [],
    memory: 2 ** 31,
    processors: 2,
  },
  nics: [{ mac, connected: true }],
};

/** A machine with one disk, whose guest is up, and the sentinel of production that runs in it. */
function machine() {
  const clock = virtualClock({ start: instant(1_000), turn: () => new Promise((done) => setImmediate(done)) });
  const disk = proceduralDisk({ id: vda, seed: 7, size: bytes(16 * grain) });
  const rng = seededRng(1);
  const setup = { hostname: 'web-01', identity: 1, firmware: 'bios', controller: 'virtio-blk', disks: 1 } as const;
  installDebian([guestDiskOf(disk)], {
    ...{ ...setup, nicModel: 'virtio', nics: [{ name: 'ens3', mac, address: '10.0.2.15/24' }], agents: [sentinelUnit] },
  });
  const log: string[] = [];
  const run = <T>(work: Promise<T>): Promise<T> => clock.run(work);
  const boot = async () => {
    const guest = startGuest({ disks: [guestDiskOf(disk)], clock, rng, writesPerMinute: 0, hardware });
    await run(clock.wait(seconds(40)));
    const kernel = guestKernel(guest, { clock, rng });
    return { guest, kernel };
  };
  const begin = async ({ guest, kernel }: Awaited<ReturnType<typeof boot>>) => {
    const process = simulatedProcess('sentinel');
    const parts = await run(
      simulatedSentinelParts({ guest, kernel, process, clock, rng, log: (line) => log.push(line) }),
    );
    return { process, parts, calls: parts && callsOf(parts, run) };
  };
  return { clock, disk, run, log, boot, begin };
}

type Call = <C extends CallName>(call: C, asks: Asks<C>) => ReturnType<typeof answerCall<C>>;

/** Calls as a gateway makes them, without a network in between. */
function callsOf(parts: SimulatedSentinelParts, run: <T>(work: Promise<T>) => Promise<T>): Call {
  const { services, installation } = parts;
  const rate = rateKeeper((next) => services.pace(next));
  return (call, asks) => run(answerCall(call, asks, { services, installation, rate }));
}

const running = async () => {
  const site = machine();
  const booted = await site.boot();
  const { process, parts, calls } = await site.begin(booted);
  if (!parts || !calls) throw new Error('no sentinel runs');
  return { ...site, ...booted, process, parts, calls };
};

/** Whether something has not happened after a minute. */
async function never(clock: ReturnType<typeof machine>['clock'], work: Promise<unknown>): Promise<boolean> {
  return clock.run(Promise.race([work.then(() => false), clock.wait(minutes(1)).then(() => true)]));
}

describe("production's sentinel in a simulated guest", () => {
  it('tells what its guest is made of', async () => {
    const { calls, guest } = await running();
    const inventory = valueOf(await calls('inspect', {}));
    expect(inventory).toMatchObject({ hostname: 'web-01', sentinel: { bootId: guest.bootId } });
    expect(inventory.disks).toMatchObject([{ id: 'vda', size: 16 * grain, tracking: { possible: true } }]);
    const { disks, ...glance } = valueOf(await calls('look', {}));
    expect(glance).toMatchObject({ hostname: 'web-01', isAtRest: false, sentinel: inventory.sentinel });
    expect(disks).toMatchObject([{ id: 'vda', size: 16 * grain }]);
  });

  it('has in a mark what was written since, and in a frozen one nothing later', async () => {
    const { calls, disk } = await running();
    valueOf(await calls('beginMark', { mark: mark(0) }));
    disk.write(100, 2);
    valueOf(await calls('advanceMark', { from: mark(0), to: mark(1) }));
    disk.write(200, 1);
    expect(valueOf(await calls('changes', { mark: mark(0) }))).toEqual([{ disk: vda, dirty: grain }]);
    expect(valueOf(await calls('changes', { mark: mark(1) }))).toEqual([{ disk: vda, dirty: grain }]);
    valueOf(await calls('openDisk', { disk: vda, since: mark(0) }));
    expect(await calls('openDisk', { disk: vda, since: mark(1) })).toMatchObject({ error: { type: 'Refused' } });
    expect(await calls('openDisk', { disk: diskId('vdb') })).toMatchObject({ error: { type: 'DiskNotFound' } });
    valueOf(await calls('closeDisks', {}));
    valueOf(await calls('dropMark', { mark: mark(0) }));
    valueOf(await calls('release', { owner: 'm' }));
    expect(await calls('changes', { mark: mark(1) })).toMatchObject({ error: { type: 'TrackingLost' } });
  });

  it('has lost its marks where a disk was resized, its records were overrun, or the guest has booted anew', async () => {
    const { calls, disk, kernel, guest, boot, begin } = await running();
    const lost = { error: { type: 'TrackingLost', disk: 'vda' } };
    valueOf(await calls('beginMark', { mark: mark(0) }));
    disk.grow(bytes(17 * grain));
    expect(await calls('changes', { mark: mark(0) })).toMatchObject(lost);
    valueOf(await calls('beginMark', { mark: mark(1) }));
    kernel.overrun();
    expect(await calls('advanceMark', { from: mark(1), to: mark(2) })).toMatchObject(lost);
    valueOf(await calls('beginMark', { mark: mark(3) }));
    guest.cut();
    const again = await boot();
    const { calls: next } = await begin(again);
    expect(again.guest.bootId).not.toBe(guest.bootId);
    expect(await next?.('changes', { mark: mark(3) })).toMatchObject(lost);
  });

  it('ends with its process: nothing it was asked is answered, and the next one has no marks', async () => {
    const { calls, clock, process, parts, guest, kernel, begin, disk } = await running();
    valueOf(await calls('beginMark', { mark: mark(0) }));
    const asked = parts.services.changes(mark(0));
    process.kill();
    expect(await never(clock, asked)).toBe(true);
    expect(await never(clock, parts.services.look())).toBe(true);
    const { calls: next, parts: nextParts } = await begin({ guest, kernel });
    expect(nextParts?.machine.newRun()).not.toBe(parts.machine.newRun());
    expect(await next?.('changes', { mark: mark(0) })).toMatchObject({ error: { type: 'TrackingLost' } });
    valueOf((await next?.('beginMark', { mark: mark(1) })) ?? { ok: true, value: undefined });
    disk.write(100, 1);
    expect(await next?.('changes', { mark: mark(1) })).toMatchObject({ ok: true, value: [{ dirty: grain }] });
  });

  it('stands still while its guest does, and goes on with it', async () => {
    const { clock, run, parts, guest } = await running();
    guest.freeze(minutes(2));
    const looked = parts.services.look();
    expect(await never(clock, looked)).toBe(true);
    expect((await run(looked)).ok).toBe(true);
  });

  it('brings its guest to rest and back, and powers off only a guest at rest', async () => {
    const { calls, parts, guest, run, clock, kernel, begin } = await running();
    expect(await calls('powerOff', {})).toMatchObject({ error: { type: 'Refused' } });
    const policy = { timeout: minutes(1), keep: [], before: [], after: [] };
    const report = valueOf(await calls('quiesce', { policy }));
    expect(report.stopped).toHaveLength(3);
    expect(valueOf(await calls('look', {})).isAtRest).toBe(true);
    expect([parts.services.stage, guest.installed()?.files[placePath]]).toEqual([
      'quiesced',
      expect.stringContaining('10.0.2.15/24'),
    ]);
    expect(await calls('uninstall', {})).toMatchObject({ error: { type: 'Refused' } });
    // One that was started again in a guest at rest knows where it stands, and what was done.
    const again = await begin({ guest, kernel });
    expect(again.parts?.services.stage).toBe('quiesced');
    expect(await again.calls?.('quiesce', { policy })).toEqual({ ok: true, value: report });
    valueOf(await calls('resume', {}));
    expect([parts.services.stage, guest.installed()?.files[placePath], guest.isAtRest()]).toEqual([
      'source',
      undefined,
      false,
    ]);
    valueOf(await calls('quiesce', { policy }));
    valueOf(await calls('powerOff', {}));
    await run(clock.wait(seconds(10)));
    expect(guest.phase()).toBe('off');
  });

  it('takes itself off the guest, and ends', async () => {
    const { calls, guest, process, run, clock } = await running();
    valueOf(await calls('uninstall', {}));
    expect([hasSentinel(guest), process.isAlive()]).toEqual([false, true]);
    await run(clock.wait(seconds(5)));
    expect(process.isAlive()).toBe(false);
  });
});

describe('a replica in which it begins', () => {
  const checks = [
    { id: 'booted', kind: 'booted' },
    { id: 'name', kind: 'hostname', expected: 'web-01' },
    { id: 'address', kind: 'address', address: '10.0.2.15' },
    { id: 'ledger', kind: 'service', unit: 'ledger' },
  ];
  const replica = async (word: string) => {
    const site = machine();
    const booted = await site.boot();
    booted.guest.change((system) => ({ ...system, files: { ...system.files, [stagePath]: word } }));
    return { ...site, ...booted, ...(await site.begin(booted)) };
  };
  const word = (stage: 'test' | 'target') => JSON.stringify({ stage, migration: 'm', checks });

  it('says on the console what came of it, and is silent in a test', async () => {
    const { parts, guest } = await replica(word('test'));
    expect(parts).toBeUndefined();
    expect(guest.console()).toContain('SEALIFT-REPORT {"stage":"test"');
  });

  it('answers in a target with its report, and is taken off with all that was there for it', async () => {
    const { calls, parts, guest } = await replica(word('target'));
    expect(parts?.services.stage).toBe('target');
    const report = valueOf((await calls?.('report', {})) ?? { ok: true, value: null });
    expect(report?.checks.filter(({ id }) => checks.some((check) => check.id === id))).toMatchObject(
      checks.map(({ id }) => ({ id, verdict: 'passed' })),
    );
    expect(guest.console()).toContain('SEALIFT-REPORT {"stage":"target"');
    valueOf((await calls?.('uninstall', {})) ?? { ok: true, value: undefined });
    expect([hasSentinel(guest), guest.installed()?.files[stagePath]]).toEqual([false, undefined]);
  });

  it('ends where it cannot read its word', async () => {
    const { parts, log } = await replica('half a');
    expect(parts).toBeUndefined();
    expect(log).toEqual([expect.stringContaining('cannot be read')]);
  });
});
