import { describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import type { FixUpTarget } from '#core/ports/fix-up';
import type { TargetVmPlan } from '#core/ports/target-platform';
import { err, ok } from '#core/result';
import { bytes, instant, seconds } from '#core/units';
import { boot } from '#simulator/endpoints/guest/boot';
import { memoryDisk, type GuestDisk } from '#simulator/endpoints/guest/guest-disk';
import type { GuestHardware } from '#simulator/endpoints/guest/hardware';
import { installDebian, installWindows, type GuestSetup } from '#simulator/endpoints/guest/install';
import { vcenter } from '#simulator/endpoints/vsphere/vcenter';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { valueOf } from '#test/support/value-of';
import type { Call } from './call.ts';
import { simulatedFixUp } from './fix-up.ts';
import { overlayStore, type ReplicaBytes } from './overlay-store.ts';
import { simulatedPlatform } from './platform.ts';
import { sentinelUnit } from '#simulator/block/target/sentinel/installed-sentinel';
import { targetGuests } from './target-guests.ts';

const through: Call = (_, act) => Promise.resolve(act());
const size = 1_048_576;
const mac = '52:54:00:00:00:01';
const clockOf = () => virtualClock({ start: instant(1_000), turn: () => new Promise((done) => setImmediate(done)) });
const debian: GuestSetup = {
  ...{ hostname: 'web-01', identity: 1, firmware: 'bios', controller: 'virtio-blk', nicModel: 'virtio', disks: 1 },
  nics: [{ name: 'ens3', mac, address: '10.0.2.15/24' }],
  agents: [sentinelUnit],
};

/** Replicas of disks that are kept in memory. */
const replicasOf = (disks: Readonly<Record<string, GuestDisk>>): ReplicaBytes => ({
  read: (path, at, length) => disks[path]?.read(at, length) ?? new Uint8Array(length),
  size: (path) => disks[path]?.size ?? 0,
  exists: (path) => disks[path] !== undefined,
});

describe('overlays in memory', () => {
  it('take what is written, keep the replica as it is, and are dropped without a trace', async () => {
    const replica = memoryDisk(size, new Uint8Array(size).fill(7));
    const store = overlayStore({ call: through, replicas: replicasOf({ 'vda.raw': replica }) });
    const { path, format } = valueOf(await store.overlays.make('vda.raw'));
    expect({ path, format }).toEqual({ path: store.overlays.of('vda.raw'), format: 'qcow2' });
    const overlay = store.disk(path);
    overlay?.write(4_000, new Uint8Array(200).fill(9));
    const read = overlay?.read(3_990, 220) ?? new Uint8Array();
    expect([...read.subarray(0, 10), ...read.subarray(210)].every((byte) => byte === 7)).toBe(true);
    expect(read.subarray(10, 210).every((byte) => byte === 9)).toBe(true);
    expect(replica.read(0, size).every((byte) => byte === 7)).toBe(true);
    // One more try begins from the replica; a copy is of its moment.
    valueOf(await store.overlays.make('vda.raw'));
    expect(store.disk(path)?.read(4_000, 1)).toEqual(new Uint8Array([7]));
    const copy = valueOf(await store.overlays.copy('vda.raw'));
    replica.write(0, new Uint8Array([1]));
    expect(store.disk(copy.path)?.read(0, 1)).toEqual(new Uint8Array([7]));
    valueOf(await store.overlays.makeTrial('vda.raw'));
    valueOf(await store.overlays.dropCopy('vda.raw'));
    await store.overlays.dropPrepared('vda.raw');
    valueOf(await store.overlays.drop('vda.raw'));
    expect(store.paths()).toEqual([]);
    expect(await store.overlays.make('vdb.raw')).toEqual({ ok: false, error: 'vdb.raw is not there' });
  });

  it('hold what a guest writes at random as any disk does, also under what comes later', async () => {
    const content = new Uint8Array(size).fill(7);
    const plain = memoryDisk(size, content);
    const store = overlayStore({ call: through, replicas: replicasOf({ 'vda.raw': memoryDisk(size, content) }) });
    const overlay = store.disk(valueOf(await store.overlays.make('vda.raw')).path);
    const told: number[] = [];
    overlay?.onWrite((sector, count) => told.push(sector, count));
    for (const disk of [plain, overlay]) {
      disk?.scribble(2, 3);
      disk?.scribble(3, 1);
      disk?.write(4 * 4_096 - 10, new Uint8Array(20).fill(9));
    }
    expect(overlay?.read(0, 8 * 4_096)).toEqual(plain.read(0, 8 * 4_096));
    expect(told).toEqual([2, 3, 3, 1, 3, 2]);
    expect(() => overlay?.scribble(size / 4_096 - 1, 2)).toThrow('is not on vda.raw');
  });

  it('are not made where there is no room, and whoever asks hears that', async () => {
    const store = overlayStore({
      ...{ call: through, replicas: replicasOf({ 'vda.raw': memoryDisk(size) }) },
      fails: (operation) => (operation === 'copy' ? 'no space left on device' : undefined),
    });
    expect((await store.overlays.make('vda.raw')).ok).toBe(true);
    expect(await store.overlays.copy('vda.raw')).toEqual({ ok: false, error: 'no space left on device' });
  });
});

const vsphereHardware: GuestHardware = {
  ...{ firmware: 'bios', controller: 'pvscsi', nicModel: 'vmxnet3', bootEntries: [], memory: 1, processors: 1 },
  nics: [{ mac, connected: false }],
};
const wanted: FixUpTarget = { controller: 'pvscsi', nicModel: 'vmxnet3', nics: [{ mac, name: 'ens3' }], stage: '{}' };

describe('a fix-up of simulated disks', () => {
  const opened = async (install: (disks: readonly GuestDisk[]) => void) => {
    const replica = memoryDisk(size);
    install([replica]);
    const store = overlayStore({ call: through, replicas: replicasOf({ 'vda.raw': replica }) });
    const clock = clockOf();
    const fixUp = simulatedFixUp({ store, clock, rng: seededRng(1) });
    const disks = [valueOf(await store.overlays.make('vda.raw'))];
    return { store, clock, fixUp, disks, disk: store.disk(disks[0]?.path ?? '') ?? memoryDisk(size) };
  };

  it('makes of a Debian that does not boot one that does, and has nothing left to do then', async () => {
    const { clock, fixUp, disks, disk } = await opened((all) => installDebian(all, debian));
    expect(boot([disk], vsphereHardware).outcome.type).toBe('stopped');
    const plan = valueOf(await clock.run(fixUp.plan(disks, wanted)));
    expect(plan.edits.map(({ id }) => id)).toContain('initramfs:6.1.0-25-amd64');
    valueOf(await clock.run(fixUp.apply(disks, plan)));
    const checks = valueOf(await clock.run(fixUp.verify(disks, plan)));
    expect(checks.filter(({ verdict }) => verdict === 'failed')).toEqual([]);
    expect(boot([disk], vsphereHardware).outcome).toMatchObject({ type: 'up', booted: { nics: [{ name: 'ens3' }] } });
    expect(valueOf(await clock.run(fixUp.plan(disks, wanted))).edits).toEqual([]);
  });

  it('makes of a Windows that stops with 0x7B one that starts', async () => {
    const { clock, fixUp, disks, disk } = await opened((all) => installWindows(all, debian));
    expect(boot([disk], vsphereHardware).outcome).toEqual({ type: 'stopped', at: 'stopError' });
    const plan = valueOf(await clock.run(fixUp.plan(disks, wanted)));
    valueOf(await clock.run(fixUp.apply(disks, plan)));
    const checks = valueOf(await clock.run(fixUp.verify(disks, plan)));
    expect(checks.filter(({ verdict }) => verdict === 'failed')).toEqual([]);
    expect(boot([disk], vsphereHardware).outcome.type).toBe('up');
  });

  it('sees when it verifies that what was applied is not there', async () => {
    const { clock, fixUp, disks, store } = await opened((all) => installDebian(all, debian));
    const plan = valueOf(await clock.run(fixUp.plan(disks, wanted)));
    valueOf(await clock.run(fixUp.apply(disks, plan)));
    valueOf(await store.overlays.make('vda.raw'));
    const checks = valueOf(await clock.run(fixUp.verify(disks, plan)));
    expect(checks.filter(({ verdict }) => verdict === 'failed').length).toBeGreaterThan(1);
  });

  it('uses what was prepared only where the same would be made', async () => {
    const { clock, fixUp, disks, store } = await opened((all) => installDebian(all, debian));
    const folder = store.overlays.prepared('vda.raw');
    const made = async (prepared: Parameters<typeof fixUp.open>[1], target = wanted) => {
      valueOf(await store.overlays.make('vda.raw'));
      const session = fixUp.open(disks, prepared);
      const plan = valueOf(await clock.run(session.plan(target)));
      const applied = valueOf(await clock.run(session.apply(plan)));
      valueOf(await clock.run(session.keepMade()));
      valueOf(await clock.run(session.close()));
      return applied;
    };
    const make = { type: 'make', folder, roundTook: seconds(1), of: 'this boot' } as const;
    expect(await made({ prepared: make })).toMatchObject({ prepared: false });
    expect(await store.overlays.preparedOf('vda.raw')).toBe('this boot');
    // Another word for the sentinel goes into no initramfs; another name of a card does.
    const use = { prepared: { type: 'use', folder } } as const;
    expect(await made(use, { ...wanted, stage: '{"x":1}' })).toMatchObject({ prepared: true, whyNot: '' });
    expect(await made(use, { ...wanted, nics: [{ mac, name: 'ens9' }] })).toMatchObject({
      prepared: false,
      whyNot: 'files that go into it were changed',
    });
  });
});

describe('a platform over a vCenter', () => {
  const plan: TargetVmPlan = {
    ...{
      name: 'web-01',
      firmware: 'bios',
      memory: bytes(100),
      processors: 1,
      controller: 'pvscsi',
      nicModel: 'vmxnet3',
    },
    disks: [{ id: diskId('vda'), path: 'vda.raw.fixup.qcow2', format: 'qcow2' }],
    nics: [{ mac, network: 'VM Network' }],
  };
  const site = async (call: Call = through) => {
    const replica = memoryDisk(size);
    installDebian([replica], debian);
    const clock = clockOf();
    const store = overlayStore({ call: through, replicas: replicasOf({ 'vda.raw': replica }) });
    valueOf(await store.overlays.make('vda.raw'));
    const targets = targetGuests({ store, clock, rng: seededRng(1), writesPerMinute: 0, onUp: () => undefined });
    const vsphere = vcenter({
      ...{ clock, rng: seededRng(1), start: targets.start, hasImage: store.has, networks: ['VM Network', 'isolated'] },
      ...{ hosts: [{ name: 'esx-1', memory: 150 }], datastores: [{ name: 'ds', capacity: 1_000 }] },
    });
    const platform = simulatedPlatform({ vcenter: vsphere, clock, call, datastore: 'ds', isolated: 'isolated' });
    return { clock, vsphere, targets, platform, run: <T>(work: Promise<T>) => clock.run(work) };
  };

  it('keeps the promises of the port', async () => {
    const { platform, run, vsphere } = await site();
    expect(await run(platform.find('web-01'))).toEqual(ok(undefined));
    const made = { name: 'web-01', power: 'running', links: 'disconnected' };
    expect(await run(platform.launch(plan, 'disconnected'))).toEqual(ok(made));
    expect(await run(platform.launch(plan, 'disconnected'))).toEqual(ok(made));
    expect(vsphere.vms()).toHaveLength(1);
    expect(await run(platform.launch({ ...plan, memory: bytes(50) }, 'disconnected'))).toMatchObject({
      error: { type: 'Refused' },
    });
    for (const links of ['isolated', 'connected', 'disconnected'] as const) {
      valueOf(await run(platform.setLinks('web-01', links)));
      expect(valueOf(await run(platform.find('web-01')))).toMatchObject({ links });
    }
    expect(await run(platform.setLinks('web-02', 'connected'))).toEqual(err({ type: 'NotFound', name: 'web-02' }));
    valueOf(await run(platform.powerOff('web-01')));
    expect(valueOf(await run(platform.find('web-01')))).toMatchObject({ power: 'off' });
    valueOf(await run(platform.remove('web-01')));
    valueOf(await run(platform.remove('web-01')));
    expect(await run(platform.console('web-01'))).toEqual(err({ type: 'NotFound', name: 'web-01' }));
  });

  it('is refused in the words of vSphere where there is no room', async () => {
    const { platform, run } = await site();
    expect(await run(platform.launch({ ...plan, memory: bytes(200) }, 'disconnected'))).toMatchObject({
      error: { type: 'Refused', detail: expect.stringContaining('InsufficientMemoryResourcesFault') },
    });
  });

  it('finds what an earlier call has done whose answer was lost, and waits for what is under way', async () => {
    let calls = 0;
    const lossy: Call = async (_, act, lost) => {
      calls += 1;
      const done = act();
      return calls === 1 || calls === 4 ? err(lost('the connection broke')) : done;
    };
    const { platform, run, vsphere } = await site(lossy);
    expect(await run(platform.launch(plan, 'disconnected'))).toMatchObject({ error: { type: 'Unreachable' } });
    expect(await run(platform.launch(plan, 'disconnected'))).toMatchObject({ error: { type: 'Unreachable' } });
    expect(await run(platform.launch(plan, 'disconnected'))).toMatchObject(ok({ power: 'running' }));
    expect(vsphere.vms()).toHaveLength(1);
  });
});
