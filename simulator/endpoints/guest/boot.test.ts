import { describe, expect, it } from 'vitest';
import { bootFailureIn } from '#replicator/live/launch/console-report';
import { boot } from './boot.ts';
import { memoryDisk } from './guest-disk.ts';
import type { GuestHardware } from './hardware.ts';
import { installDebian, installWindows, type GuestSetup } from './install.ts';
import { readSystem, type InstalledSystem } from './installed-system.ts';

const size = 1_048_576;
const mac = '52:54:00:00:00:01';
const kvm: GuestHardware = {
  ...{
    firmware: 'bios',
    controller: 'virtio-blk',
    nicModel: 'virtio',
    bootEntries: [],
    memory: 2 ** 29,
    processors: 1,
  },
  nics: [{ mac, connected: true }],
};
const vsphere: GuestHardware = { ...kvm, controller: 'pvscsi', nicModel: 'vmxnet3' };
const setup: GuestSetup = {
  ...{ hostname: 'web-01', identity: 1, firmware: 'bios', controller: 'virtio-blk', nicModel: 'virtio', disks: 2 },
  nics: [{ name: 'ens3', mac, address: '10.0.2.15/24' }],
};

type Change = (system: InstalledSystem) => InstalledSystem;
const file =
  (path: string, from: string | RegExp, to: string): Change =>
  (system) => ({ ...system, files: { ...system.files, [path]: (system.files[path] ?? '').replaceAll(from, to) } });
const packed: Change = (system) => ({
  ...system,
  kernels: system.kernels.map((kernel) => ({
    ...kernel,
    initramfs: { path: '/boot/initrd', size: 1, programs: [], modules: Object.keys(kernel.drivers) },
  })),
});
/** Names by content, drivers of everything and a name for the card: what a fix-up comes to. */
const fixed: Change = (system) => {
  const named = file('/etc/fstab', /\/dev\/[vs]d([a-z])1/g, 'LABEL=disk-$1')(packed(system));
  return {
    ...named,
    files: {
      ...named.files,
      '/etc/fstab': (named.files['/etc/fstab'] ?? '')
        .replace('LABEL=disk-a', `UUID=${system.partitions[0]?.uuid}`)
        .replace('LABEL=disk-b', 'LABEL=data1'),
      '/etc/systemd/network/10-ens3.link': `[Match]\nMACAddress=${mac}\n[Link]\nName=ens3\n`,
    },
  };
};

function booted(hardware: GuestHardware, change: Change = (system) => system, more: Partial<GuestSetup> = {}) {
  const disks = [memoryDisk(size), memoryDisk(size)];
  installDebian(disks, { ...setup, ...more, change });
  return boot(disks, hardware);
}

describe('a Debian', () => {
  it('comes up on the machine it was installed on', () => {
    const { outcome, console } = booted(kvm);
    expect(outcome).toMatchObject({
      type: 'up',
      booted: {
        failed: [],
        mounts: [{ mountpoint: '/' }, { mountpoint: '/srv/data1', device: '/dev/vdb1', disk: 1 }],
        nics: [{ name: 'ens3', addresses: ['10.0.2.15/24'] }],
      },
    });
    expect(console).toContain('web-01 login:');
    expect(bootFailureIn(console)).toBeUndefined();
  });

  it('does not find its root on another controller, whose driver its initramfs lacks', () => {
    const { outcome, console, waitedMs } = booted(vsphere);
    expect(outcome).toEqual({ type: 'stopped', at: 'initramfs' });
    expect(bootFailureIn(console)).toContain('the initramfs does not find the root file system');
    expect(waitedMs).toBe(30_000);
  });

  it('comes up on vSphere once it was fixed up', () => {
    expect(booted(vsphere, fixed).outcome).toMatchObject({
      type: 'up',
      booted: { failed: [], mounts: [{}, { device: '/dev/sdb1' }], nics: [{ name: 'ens3', driver: 'vmxnet3' }] },
    });
  });

  it('goes into emergency mode where fstab names a device by a name that is gone', () => {
    const { outcome, console } = booted(vsphere, packed);
    expect(outcome).toEqual({ type: 'stopped', at: 'emergencyMode' });
    expect(bootFailureIn(console)).toContain('emergency mode');
  });

  it('has no network where its card has another name, or no driver', () => {
    const renamed = booted(vsphere, (system) => {
      const { '/etc/systemd/network/10-ens3.link': _, ...files } = fixed(system).files;
      return { ...fixed(system), files };
    });
    expect(renamed.outcome).toMatchObject({
      booted: { failed: ['networking.service'], nics: [{ name: 'ens192', addresses: [] }] },
    });
    const driverless = booted(vsphere, (system) => {
      const { vmxnet3: _, ...drivers } = fixed(system).kernels[0]?.drivers ?? {};
      return { ...fixed(system), kernels: fixed(system).kernels.map((kernel) => ({ ...kernel, drivers })) };
    });
    expect(driverless.outcome).toMatchObject({ booted: { failed: ['networking.service'], nics: [] } });
  });

  it.each<[string, Change, string, string]>([
    [
      'a kernel without an initramfs panics',
      (system) => ({
        ...system,
        kernels: system.kernels.map(({ version, image, drivers }) => ({ version, image, drivers })),
      }),
      'kernel',
      'Unable to mount root fs',
    ],
    ['a root that nobody has', file('/boot/grub/grub.cfg', 'UUID=', 'UUID=x'), 'initramfs', 'does not exist'],
    ['no configuration of GRUB', (system) => ({ ...system, files: {} }), 'bootLoader', 'grub rescue>'],
    ['a kernel that is gone', (system) => ({ ...system, kernels: [] }), 'bootLoader', 'not found'],
  ])('%s', (_, change, at, said) => {
    const { outcome, console } = booted(kvm, change);
    expect(outcome).toEqual({ type: 'stopped', at });
    expect(console).toContain(said);
  });

  it('is not found by a firmware that remembers nothing of it', () => {
    const uefi = { firmware: 'uefi' as const };
    const known = { ...kvm, ...uefi, bootEntries: ['/boot/efi/EFI/debian/shimx64.efi'] };
    expect(booted(known, undefined, uefi).outcome.type).toBe('up');
    const { console, outcome } = booted({ ...kvm, ...uefi }, undefined, uefi);
    expect(outcome).toEqual({ type: 'stopped', at: 'firmware' });
    expect(bootFailureIn(console)).toContain('the firmware finds no boot loader');
    expect(booted(kvm, undefined, uefi).outcome).toEqual({ type: 'stopped', at: 'firmware' });
    const fallback: Change = (system) => ({
      ...system,
      present: [...system.present, '/boot/efi/EFI/BOOT/BOOTX64.EFI'],
    });
    expect(booted({ ...kvm, ...uefi }, fallback, uefi).outcome.type).toBe('up');
  });

  it('is not there on a disk that is blank, and not whole on one that is torn', () => {
    expect(boot([memoryDisk(size)], kvm).outcome).toEqual({ type: 'stopped', at: 'firmware' });
    const disk = memoryDisk(size);
    installDebian([disk], { ...setup, disks: 1 });
    disk.write(1024, new Uint8Array(512));
    expect(readSystem(disk)).toEqual({ ok: false, error: 'torn' });
    const { console } = boot([disk], kvm);
    expect(bootFailureIn(console)).toContain('the boot loader does not find its files');
  });
});

describe('a Windows', () => {
  const hyperv: GuestHardware = { ...kvm, controller: 'hyperv', nicModel: 'netvsc' };
  const installed = (change?: Change) => {
    const disks = [memoryDisk(size)];
    const more = { controller: 'hyperv', nicModel: 'netvsc', disks: 1, ...(change && { change }) } as const;
    installWindows(disks, { ...setup, ...more });
    return disks;
  };

  it('comes up on the machine it was installed on, and stops with 0x7B on another', () => {
    expect(boot(installed(), hyperv).outcome).toMatchObject({ type: 'up', booted: { kernel: '20348' } });
    const { outcome, console } = boot(installed(), vsphere);
    expect(outcome).toEqual({ type: 'stopped', at: 'stopError' });
    expect(console).toContain('0x0000007B');
  });

  it('heeds StartOverride before Start', () => {
    const key = 'HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\pvscsi';
    const started: Change = (system) => ({
      ...system,
      registry: {
        ...system.registry,
        [key]: { ...system.registry?.[key], Start: { type: 'number', number: 0 } },
      },
    });
    expect(boot(installed(started), vsphere).outcome.type).toBe('up');
    const overridden: Change = (system) => ({
      ...started(system),
      registry: { ...started(system).registry, [`${key}\\StartOverride`]: { '0': { type: 'number', number: 3 } } },
    });
    expect(boot(installed(overridden), vsphere).outcome).toEqual({ type: 'stopped', at: 'stopError' });
  });
});
