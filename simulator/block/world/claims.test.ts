import { describe, expect, it } from 'vitest';
import type { MigrationFact, MigrationFactOf, MigrationFactType } from '#core/migration/facts';
import { instant, seconds } from '#core/units';
import { simulatedExports } from '#simulator/block/sources/exports';
import type { BlockVm } from '#simulator/block/spec';
import { overlayStore } from '#simulator/block/target/overlay-store';
import { memoryDisk } from '#simulator/endpoints/guest/guest-disk';
import { vcenter } from '#simulator/endpoints/vsphere/vcenter';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { valueOf } from '#test/support/value-of';
import { worldVm } from './block-vm.ts';
import { claimsOf } from './claims.ts';
import { productionNetwork } from './target-side.ts';

const spec = (handOver: BlockVm['handOver']): BlockVm => ({
  ...{ name: 'web-01', hypervisor: 'kvm', via: 'sentinel', guest: 'debian', handOver },
  disks: [{ id: 'vda', grains: 16, tracking: true }],
  ...{ writesPerMinute: 0, application: null, testLaunch: true },
});

/** A VM that has run for long, a vCenter without one, and who holds facts against them. */
async function site(handOver: BlockVm['handOver'] = 'launch') {
  const clock = virtualClock({ start: instant(1_000), turn: () => new Promise((done) => setImmediate(done)) });
  const nobody = (): void => undefined;
  const vm = worldVm(spec(handOver), {
    ...{ clock, rng: seededRng(1), exports: simulatedExports(), note: nobody },
    ...{ files: () => ({}), onUp: nobody, onGone: nobody },
  });
  const replica = memoryDisk(4_096);
  const store = overlayStore({
    call: (_, act) => Promise.resolve(act()),
    replicas: { read: (_, at, length) => replica.read(at, length), size: () => replica.size, exists: () => true },
  });
  const vsphere = vcenter({
    ...{ clock, rng: seededRng(2), hasImage: store.has, networks: [productionNetwork, 'isolated'] },
    ...{ hosts: [{ name: 'esx-1', memory: 10 }], datastores: [{ name: 'ds', capacity: 100 }] },
    start: () => ({ cut: nobody, setConnected: nobody, console: () => '' }),
  });
  const claims = claimsOf({ vm, target: { images: () => store.paths() } }, { vsphere }, () => clock.now());
  const pass = (n: number): Promise<void> => clock.run(clock.wait(seconds(n)));
  await pass(60);
  return {
    ...{ pass, vsphere, overlays: store.overlays, machine: vm.source.machine },
    power: vm.source.power({ owner: 'web-01', clock }),
    /** The law that a fact breaks. */
    brokenBy: <T extends MigrationFactType>(type: T, data: Partial<MigrationFactOf<T>['data']> = {}) =>
      claims.falseIn({ type, data } as MigrationFact)?.law,
    create: async (name: string, nic: { readonly network: string; readonly connected: boolean }): Promise<void> => {
      valueOf(
        vsphere.createVm({
          ...{ name, firmware: 'bios', memory: 1, numCpus: 1, controller: 'ParaVirtualSCSIController', disks: [] },
          ...{ nicType: 'VirtualVmxnet3', datastore: 'ds', annotation: '' },
          nics: [{ macAddress: 'm', startConnected: false, ...nic }],
        }),
      );
      await pass(10);
    },
  };
}

const connected = { network: productionNetwork, connected: true };
const unplugged = { network: productionNetwork, connected: false };
const isolated = { network: 'isolated', connected: true };

describe('what a fact claims of a fence', () => {
  it('is false while the source is on its networks, or runs', async () => {
    const { power, machine, pass, brokenBy } = await site();
    expect(brokenBy('SourceFenced')).toBe('L4');
    await power.disconnect();
    expect(brokenBy('SourceFenced')).toBe('L4');
    machine.stop(false);
    await pass(60);
    expect(brokenBy('SourceFenced')).toBeUndefined();
    await power.reconnect();
    expect(brokenBy('SourceFenced')).toBe('L4');
  });

  it('is not held against a source that somebody started a moment ago: the fact is older', async () => {
    const { power, machine, pass, brokenBy } = await site();
    await power.disconnect();
    machine.stop(false);
    await pass(60);
    machine.start();
    await pass(5);
    expect(brokenBy('SourceFenced')).toBeUndefined();
    await pass(60);
    expect(brokenBy('SourceFenced')).toBe('L4');
  });

  it('is not of power and plugs where disks alone are handed over', async () => {
    const { brokenBy } = await site('replica');
    expect(brokenBy('SourceFenced')).toBeUndefined();
    expect(brokenBy('SourceRetired')).toBeUndefined();
  });
});

describe('what a fact claims of a target', () => {
  it('is that it is launched without a network, and connected with one', async () => {
    const { create, brokenBy } = await site();
    expect(brokenBy('TargetConnected')).toBe('L22');
    await create('web-01', connected);
    expect([brokenBy('TargetConnected'), brokenBy('TargetLaunched')]).toEqual([undefined, 'L4']);
  });

  it.each([unplugged, isolated])('is that it does not talk: %o', async (nic) => {
    const { create, brokenBy } = await site();
    await create('web-01', nic);
    expect([brokenBy('TargetConnected'), brokenBy('TargetLaunched')]).toEqual(['L22', undefined]);
  });

  it('is that a test does not talk beside the VM that it is a copy of', async () => {
    const { create, brokenBy, vsphere } = await site();
    await create('web-01-test', isolated);
    expect(brokenBy('TestLaunched')).toBeUndefined();
    valueOf(vsphere.unregister('web-01-test'));
    await create('web-01-test', connected);
    expect(brokenBy('TestLaunched')).toBe('L4');
  });

  it('is that of a test that was cleaned up neither VM nor disk is left', async () => {
    const { create, brokenBy, vsphere, overlays } = await site();
    expect(brokenBy('TestCleanedUp')).toBeUndefined();
    await create('web-01-test', isolated);
    expect(brokenBy('TestCleanedUp')).toBe('L15');
    valueOf(vsphere.unregister('web-01-test'));
    valueOf(await overlays.copy('web-01-vda.raw'));
    expect(brokenBy('TestCleanedUp')).toBe('L15');
    valueOf(await overlays.dropCopy('web-01-vda.raw'));
    expect(brokenBy('TestCleanedUp')).toBeUndefined();
  });
});

describe('what a fact claims of the way back', () => {
  it('is that no target is left, nor what was changed beside the replica', async () => {
    const { create, brokenBy, vsphere, overlays } = await site();
    await create('web-01', unplugged);
    expect(brokenBy('RolledBack', { source: 'running' })).toBe('L4');
    valueOf(vsphere.unregister('web-01'));
    valueOf(await overlays.make('web-01-vda.raw'));
    expect(brokenBy('RolledBack', { source: 'running' })).toBe('L15');
    valueOf(await overlays.drop('web-01-vda.raw'));
    expect(brokenBy('RolledBack', { source: 'running' })).toBeUndefined();
  });

  it('is that the source stands as it says, once that has settled', async () => {
    const { power, machine, pass, brokenBy } = await site();
    expect(brokenBy('RolledBack', { source: 'off' })).toBe('L3');
    await power.disconnect();
    expect(brokenBy('RolledBack', { source: 'running' })).toBe('L3');
    await power.reconnect();
    machine.stop(true);
    expect(brokenBy('RolledBack', { source: 'running' })).toBeUndefined();
    await pass(60);
    expect(brokenBy('RolledBack', { source: 'running' })).toBe('L3');
    expect(brokenBy('RolledBack', { source: 'off' })).toBeUndefined();
  });

  it('is that it is not given up while the source runs beside its target', async () => {
    const { machine, pass, brokenBy } = await site();
    expect(brokenBy('SourceRetired')).toBe('L4');
    machine.stop(false);
    await pass(60);
    expect(brokenBy('SourceRetired')).toBeUndefined();
  });
});

it('a fact that claims nothing of the world is never false', async () => {
  const { brokenBy } = await site();
  expect(brokenBy('CutoverStarted')).toBeUndefined();
});
