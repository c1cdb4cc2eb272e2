import { describe, expect, it } from 'vitest';
import { seconds } from '#core/units';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { valueOf } from '#test/support/value-of';
import { vcenter, type VcenterOptions } from './vcenter.ts';
import type { VmConfig } from './virtual-machine.ts';

const config: VmConfig = {
  ...{ name: 'web-01', firmware: 'bios', memory: 100, numCpus: 1, controller: 'ParaVirtualSCSIController' },
  ...{ disks: ['a.vmdk'], nicType: 'VirtualVmxnet3', datastore: 'ds', annotation: '' },
  nics: [{ macAddress: 'm', network: 'VM Network', connected: false, startConnected: false }],
};

interface Power {
  connected: boolean | undefined;
  cuts: number;
  off: () => void;
}

function site(more: Partial<VcenterOptions> = {}) {
  const clock = virtualClock({ turn: () => new Promise((resolve) => setImmediate(resolve)) });
  const started: Power[] = [];
  const vsphere = vcenter({
    ...{ clock, rng: seededRng(1), networks: ['VM Network', 'isolated'], hasImage: (path) => path === 'a.vmdk' },
    hosts: [
      { name: 'esx-1', memory: 250 },
      { name: 'esx-2', memory: 150 },
    ],
    datastores: [{ name: 'ds', capacity: 250 }],
    start: ({ nics }, off) => {
      const power: Power = { connected: nics[0]?.connected, cuts: 0, off };
      started.push(power);
      return {
        cut: () => void (power.cuts += 1),
        setConnected: (_, connected) => void (power.connected = connected),
        console: () => `console ${started.length}`,
      };
    },
    ...more,
  });
  const pass = (n: number) => clock.run(clock.wait(seconds(n)));
  /** Waits until a task has ended, and says how. */
  const done = async (begun: ReturnType<typeof vsphere.powerOn>): Promise<string> => {
    const key = valueOf(begun);
    await pass(10);
    const { state, error } = vsphere.task(key) ?? {};
    return error ? error.type : String(state);
  };
  return { vsphere, started, pass, done };
}

describe('a vCenter', () => {
  it('does what was asked when its task ends, and not before', async () => {
    const { vsphere, started, pass, done } = site();
    const key = valueOf(vsphere.createVm(config));
    expect(vsphere.task(key)?.state).toBe('queued');
    expect(vsphere.find('web-01')).toBeUndefined();
    await pass(10);
    expect(vsphere.task(key)?.state).toBe('success');
    expect(await done(vsphere.powerOn('web-01'))).toBe('success');
    expect(vsphere.find('web-01')).toMatchObject({ powerState: 'poweredOn', host: 'esx-1', wasStarted: true });
    expect(started).toHaveLength(1);
  });

  it('refuses by the names of its faults', async () => {
    const { vsphere, done } = site();
    expect(vsphere.powerOn('web-01')).toMatchObject({ error: { type: 'ManagedObjectNotFound' } });
    const wrongNetwork = { ...config, nics: config.nics.map((nic) => ({ ...nic, network: 'nowhere' })) };
    expect(vsphere.createVm(wrongNetwork)).toMatchObject({ error: { type: 'InvalidArgument' } });
    expect(await done(vsphere.createVm({ ...config, disks: ['b.vmdk'] }))).toBe('FileNotFound');
    expect(await done(vsphere.createVm(config))).toBe('success');
    expect(vsphere.createVm(config)).toMatchObject({ error: { type: 'DuplicateName' } });
    expect(vsphere.powerOff('web-01')).toMatchObject({
      error: { type: 'InvalidPowerState', existingState: 'poweredOff' },
    });
    expect(await done(vsphere.powerOn('web-01'))).toBe('success');
    expect(vsphere.powerOn('web-01')).toMatchObject({
      error: { type: 'InvalidPowerState', existingState: 'poweredOn' },
    });
    expect(vsphere.unregister('web-01')).toMatchObject({ error: { type: 'InvalidPowerState' } });
    expect(await done(vsphere.createVm({ ...config, name: 'twin' }))).toBe('success');
    expect(await done(vsphere.powerOn('twin'))).toBe('FileLocked');
  });

  it('has one task of a VM at a time', async () => {
    const { vsphere, done } = site();
    await done(vsphere.createVm(config));
    const key = valueOf(vsphere.powerOn('web-01'));
    expect(vsphere.powerOn('web-01')).toEqual({ ok: false, error: { type: 'TaskInProgress', task: key } });
    expect(vsphere.unregister('web-01')).toMatchObject({ error: { type: 'TaskInProgress' } });
  });

  it('has no room for the swap file of a VM on a full datastore, and no memory on its hosts without end', async () => {
    const { vsphere, done } = site();
    await done(vsphere.createVm({ ...config, memory: 260 }));
    expect(await done(vsphere.powerOn('web-01'))).toBe('InsufficientMemoryResourcesFault');
    const small = site({ datastores: [{ name: 'ds', capacity: 99 }] });
    await small.done(small.vsphere.createVm(config));
    expect(await small.done(small.vsphere.powerOn('web-01'))).toBe('NoDiskSpace');
    expect(small.vsphere.find('web-01')?.powerState).toBe('poweredOff');
  });

  it('gives the room of the swap file back when a VM goes off, whoever turned it off', async () => {
    const { vsphere, started, done } = site();
    await done(vsphere.createVm(config));
    await done(vsphere.powerOn('web-01'));
    expect(vsphere.datastore('ds')?.freeSpace()).toBe(150);
    started[0]?.off();
    expect(vsphere.find('web-01')?.powerState).toBe('poweredOff');
    expect(vsphere.datastore('ds')?.freeSpace()).toBe(250);
    expect(valueOf(vsphere.console('web-01'))).toBe('console 1');
  });

  it('changes the cards of a VM that runs', async () => {
    const { vsphere, started, done } = site();
    await done(vsphere.createVm(config));
    await done(vsphere.powerOn('web-01'));
    expect(started[0]?.connected).toBe(false);
    await done(vsphere.reconfigureNics('web-01', { connected: true, network: 'isolated' }));
    expect(started[0]?.connected).toBe(true);
    expect(vsphere.find('web-01')?.config.nics).toMatchObject([{ network: 'isolated', startConnected: false }]);
  });

  it('restarts elsewhere what ran on a host that is lost, with its cards as it starts with', async () => {
    const { vsphere, started, pass, done } = site();
    await done(vsphere.createVm(config));
    await done(vsphere.powerOn('web-01'));
    await done(vsphere.reconfigureNics('web-01', { connected: true }));
    vsphere.hostFails('esx-1');
    expect(vsphere.find('web-01')).toMatchObject({ powerState: 'poweredOn', connectionState: 'disconnected' });
    expect(await done(vsphere.powerOff('web-01'))).toBe('HostNotConnected');
    await pass(60);
    expect(started.map(({ connected, cuts }) => [connected, cuts])).toEqual([
      [true, 1],
      [false, 0],
    ]);
    expect(vsphere.find('web-01')).toMatchObject({ host: 'esx-2', connectionState: 'connected', restarts: 1 });
  });

  it('restarts it once its host is back where no other has room', async () => {
    const { vsphere, started, pass, done } = site({ hosts: [{ name: 'esx-1', memory: 250 }] });
    await done(vsphere.createVm(config));
    await done(vsphere.powerOn('web-01'));
    vsphere.hostFails('esx-1');
    await pass(120);
    expect(started).toHaveLength(1);
    vsphere.hostReturns('esx-1');
    await pass(20);
    expect(started).toHaveLength(2);
  });
});
