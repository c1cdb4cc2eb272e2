import { describe, expect, it } from 'vitest';
import { diskId, sentinelId } from '#core/ids';
import type { FixUpTarget } from '#core/ports/fix-up';
import type { TargetVmPlan } from '#core/ports/target-platform';
import { err, ok } from '#core/result';
import { bytes, bytesPerSecond, instant, minutes, offset, seconds } from '#core/units';
import { boot } from '#simulator/endpoints/guest/boot';
import { memoryDisk, sectorSize, type GuestDisk } from '#simulator/endpoints/guest/guest-disk';
import type { GuestHardware } from '#simulator/endpoints/guest/hardware';
import { installDebian, installWindows, type GuestSetup } from '#simulator/endpoints/guest/install';
import { startGuest } from '#simulator/endpoints/guest/running-guest';
import { vcenter } from '#simulator/endpoints/vsphere/vcenter';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { valueOf } from '#test/support/value-of';
import type { Call } from './call.ts';
import { simulatedFixUp } from './fix-up.ts';
import { simulatedSentinel } from './guest-agent.ts';
import { overlayStore, type ReplicaBytes } from './overlay-store.ts';
import { simulatedPlatform } from './platform.ts';
import { sentinelUnit } from './stage-two.ts';
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
    await store.overlays.dropCopy('vda.raw');
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
    const targets = targetGuests({ store, clock, rng: seededRng(1), writesPerMinute: 0 });
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

describe('a sentinel in a simulated guest', () => {
  const migration = 'm';
  const site = () => {
    const clock = clockOf();
    const disk = memoryDisk(size);
    installDebian([disk], debian);
    const hardware = { ...vsphereHardware, controller: 'virtio-blk', nicModel: 'virtio' } as const;
    const start = () =>
      startGuest({
        ...{ disks: [disk], clock, rng: seededRng(1), writesPerMinute: 0 },
        hardware: { ...hardware, nics: [{ mac, connected: true }] },
      });
    const state = { guest: start() };
    const sentinel = simulatedSentinel({
      ...{ sentinel: sentinelId('s'), guests: () => [state.guest], call: through, clock },
    });
    return {
      clock,
      disk,
      state,
      start,
      sentinel,
      agent: sentinel.agent,
      pass: () => clock.run(clock.wait(seconds(40))),
    };
  };
  const vda = diskId('vda');

  it('has in a mark what was written since, in a frozen one nothing later, and reads it', async () => {
    const { disk, agent, sentinel, pass } = site();
    await pass();
    valueOf(await agent.beginMark({ owner: migration, number: 0 }));
    disk.scribble(100, 2);
    valueOf(await agent.advanceMark({ owner: migration, number: 0 }, { owner: migration, number: 1 }));
    disk.scribble(200, 1);
    expect(valueOf(await agent.changes({ owner: migration, number: 0 }))).toEqual([
      { disk: vda, dirty: 2 * sectorSize },
    ]);
    expect(valueOf(await agent.changes({ owner: migration, number: 1 }))).toEqual([{ disk: vda, dirty: sectorSize }]);
    const locator = valueOf(await agent.openDisk(vda, { owner: migration, number: 0 }));
    const open = valueOf(locator.type === 'sentinel' ? sentinel.open(locator) : err('no sentinel'));
    expect(await open.changes?.({ start: offset(0), length: bytes(size) })).toEqual(
      ok([{ start: 100 * sectorSize, length: 2 * sectorSize }]),
    );
    const content = new Uint8Array(sectorSize);
    valueOf(await open.device.read(offset(100 * sectorSize), content));
    expect(content).toEqual(disk.read(100 * sectorSize, sectorSize));
    expect(await agent.openDisk(vda, { owner: migration, number: 1 })).toMatchObject({
      error: { type: 'TrackingLost' },
    });
  });

  it('has lost its marks after another boot, and what it was reading', async () => {
    const { agent, sentinel, state, start, pass } = site();
    await pass();
    valueOf(await agent.beginMark({ owner: migration, number: 0 }));
    const locator = valueOf(await agent.openDisk(vda));
    const open = valueOf(locator.type === 'sentinel' ? sentinel.open(locator) : err('no sentinel'));
    const { bootId } = valueOf(await agent.look()).sentinel;
    state.guest.cut();
    state.guest = start();
    expect(await agent.look()).toMatchObject({ error: { type: 'Unreachable' } });
    await pass();
    expect(valueOf(await agent.look()).sentinel.bootId).not.toBe(bootId);
    expect(await agent.changes({ owner: migration, number: 0 })).toMatchObject({ error: { type: 'TrackingLost' } });
    expect(await open.device.read(offset(0), new Uint8Array(sectorSize))).toMatchObject({
      error: { type: 'ConnectionLost' },
    });
  });

  it('is silent in a test and where it cannot read its word, and answers in a target', async () => {
    const { agent, state, pass } = site();
    await pass();
    const order = (text: string) => {
      const path = '/var/lib/sealift/stage.json';
      state.guest.change((system) => ({ ...system, files: { ...system.files, [path]: text } }));
      return agent.look();
    };
    expect(await order('{"stage":"test","migration":"m"}')).toMatchObject({ error: { type: 'Unreachable' } });
    expect(await order('half a')).toMatchObject({ error: { type: 'Unreachable' } });
    expect(await order('{"stage":"target","migration":"m"}')).toMatchObject({ ok: true });
  });

  it('reads at the rate it is held to', async () => {
    const { clock, agent, sentinel, pass } = site();
    await pass();
    valueOf(await agent.limit(bytesPerSecond(sectorSize)));
    const locator = valueOf(await agent.openDisk(vda));
    const open = valueOf(locator.type === 'sentinel' ? sentinel.open(locator) : err('no sentinel'));
    const before = clock.now();
    valueOf(await clock.run(open.device.read(offset(0), new Uint8Array(3 * sectorSize))));
    expect(clock.now() - before).toBe(3_000);
  });

  it('powers off only a guest at rest, is away without a network, and is gone once it was taken off', async () => {
    const { clock, agent, state, pass } = site();
    await pass();
    expect(await agent.powerOff()).toMatchObject({ error: { type: 'Refused' } });
    const policy = { timeout: minutes(1), keep: [], before: [], after: [] };
    expect(valueOf(await clock.run(agent.quiesce(policy))).stopped).toHaveLength(3);
    expect(valueOf(await agent.look()).isAtRest).toBe(true);
    expect(await agent.uninstall()).toMatchObject({ error: { type: 'Refused' } });
    valueOf(await clock.run(agent.resume()));
    state.guest.setConnected(mac, false);
    expect(await agent.look()).toMatchObject({ error: { type: 'Unreachable' } });
    state.guest.setConnected(mac, true);
    valueOf(await agent.uninstall());
    expect(await agent.look()).toMatchObject({ error: { type: 'Unreachable' } });
  });
});
