import type { FixUpError, GuestDevice, GuestImage } from '#core/ports/fix-up';
import type { RegistryValues } from '#core/ports/windows-guest';
import { err, ok, type Result } from '#core/result';
import { bytes } from '#core/units';
import { describeImage } from '#replicator/fixup/describe-image';
import { parseTable } from '#replicator/fixup/file-system-table';
import { describeWindows } from '#replicator/fixup/windows/describe';
import { readSystem as readSystemHive, readVersion } from '#replicator/fixup/windows/readings';
import type { HiveTree } from '#replicator/fixup/windows/registry-tree';
import type { GuestDisk } from '#simulator/endpoints/guest/guest-disk';
import { readPartitions, readSystem, type InstalledSystem } from '#simulator/endpoints/guest/installed-system';

/** A guest as a fix-up finds it on its disks: what is installed, and what it means. */
export interface ImageFound {
  readonly installed: InstalledSystem;
  readonly image: GuestImage;
}

// Room is not what is simulated here: there is enough of it.
const freeRoom = bytes(2 ** 30);

/** Looks at the disks of a guest, the boot disk first. */
export async function readImage(disks: readonly GuestDisk[]): Promise<Result<ImageFound, FixUpError>> {
  const found = disks[0] && readSystem(disks[0]);
  if (!found?.ok) {
    const detail = found?.error === 'torn' ? 'its file system is damaged' : 'there is no system on it';
    return err({ type: 'ImageUnusable', detail });
  }
  const installed = found.value;
  const image =
    installed.family === 'windows' ? await windowsImage(disks, installed) : ok(linuxImage(disks, installed));
  return image.ok ? ok({ installed, image: image.value }) : image;
}

/** Devices by the names they have while the images are open: sda, sdb ... */
const devicesOf = (disks: readonly GuestDisk[]): readonly GuestDevice[] =>
  disks.flatMap((disk, index) => {
    const name = `/dev/sd${String.fromCharCode(97 + index)}`;
    const whole = { name, kind: 'disk', type: '', uuid: '', label: '', partUuid: '', partType: '', parts: [] } as const;
    const partitions = readPartitions(disk).map(({ number, type, uuid, label, partUuid, partType }) => ({
      ...{ name: `${name}${number}`, kind: 'partition' as const, type, uuid, label, partUuid, partType },
      parts: [name],
    }));
    return [whole, ...partitions];
  });

function linuxImage(disks: readonly GuestDisk[], { files, present, kernels }: InstalledSystem): GuestImage {
  const devices = devicesOf(disks);
  const fileSystems = devices.filter(({ kind, type }) => kind === 'partition' && type !== 'swap');
  const mounts = fileSystems.flatMap((device) => {
    const mountpoint = mountpointOf(files['/etc/fstab'] ?? '', device);
    return mountpoint === undefined ? [] : [{ device: device.name, mountpoint, type: device.type, free: freeRoom }];
  });
  return describeImage({
    ...{ devices, files, present },
    mounts: mounts.toSorted((a, b) => a.mountpoint.length - b.mountpoint.length),
    kernels: kernels.map(({ initramfs, ...kernel }) => ({
      ...kernel,
      ...(initramfs && { initramfs: { ...initramfs, size: bytes(initramfs.size) } }),
    })),
  });
}

/** Where a device belongs, as fstab says, by whichever name. */
const mountpointOf = (table: string, { name, uuid, label }: GuestDevice): string | undefined =>
  parseTable(table).find(({ device }) => {
    const [, letter, number] = /^\/dev\/(?:v|s|xv)d([a-z])(\d+)$/.exec(device) ?? [];
    return device === `UUID=${uuid}` || device === `LABEL=${label}` || name === `/dev/sd${letter}${number}`;
  })?.mountpoint;

async function windowsImage(
  disks: readonly GuestDisk[],
  { files, present, registry = {} }: InstalledSystem,
): Promise<Result<GuestImage, FixUpError>> {
  const tree = registryTree(registry);
  const system = await readSystemHive(tree);
  if (!system.ok) return system;
  const version = await readVersion(tree);
  if (!version.ok) return version;
  const devices = devicesOf(disks);
  const volume = devices.find(({ type }) => type === 'ntfs')?.name ?? '';
  const hive = (name: string) => ({ path: `/Windows/System32/config/${name}`, isClean: true });
  return ok(
    describeWindows({
      ...{ devices, files, present, version: version.value, services: system.value.services },
      mounts: [{ device: volume, mountpoint: '/', type: 'ntfs', free: freeRoom }],
      windows: {
        folder: '/Windows',
        volume: { device: volume, state: 'clean' },
        hives: { system: hive('SYSTEM'), software: hive('SOFTWARE') },
        registry: system.value.keys,
        knownHardware: system.value.knownHardware,
        loaders: present.filter((path) => /^\/(EFI\/|bootmgr$)/.test(path)),
      },
    }),
  );
}

/** A registry as a tree that is asked like a hive. Parents of keys are there although nobody names them. */
function registryTree(registry: Readonly<Record<string, RegistryValues>>): HiveTree {
  const all = new Map<string, { readonly name: string; readonly values: RegistryValues }>();
  for (const [key, values] of Object.entries(registry)) {
    const parts = key.split('\\');
    for (const [index] of parts.entries()) {
      const name = parts.slice(0, index + 1).join('\\');
      const known = all.get(name.toLowerCase())?.values ?? {};
      all.set(name.toLowerCase(), { name, values: name === key ? values : known });
    }
  }
  return {
    values: async (key) => ok(all.get(key.toLowerCase())?.values),
    children: async (key) => {
      const prefix = `${key.toLowerCase()}\\`;
      const depth = key.split('\\').length + 1;
      const below = [...all.values()].filter(
        ({ name }) => name.toLowerCase().startsWith(prefix) && name.split('\\').length === depth,
      );
      return ok(below.map(({ name }) => name.split('\\').at(-1) ?? ''));
    },
  };
}
