import type { Check } from '#core/migration/facts';
import type { FixUpPlan, FixUpTarget, GuestDevice, GuestImage, GuestKernel } from '#core/ports/fix-up';
import { deviceNamed, fateOf } from './device-names.ts';
import { driversMissing, driversNotPacked, driversToBoot, driversToRun } from './drivers.ts';
import { parseTable } from './file-system-table.ts';
import { networkChecks } from '#replicator/fixup/network/verify-networks';
import { verifyWindows } from '#replicator/fixup/windows/verify';
import { failed, passed, warning } from './system.ts';

type Hardware = Pick<FixUpTarget, 'controller' | 'nicModel'>;

/**
 * Holds an image against what it takes to boot on the target. Pure, and judged by what is in the image: what was planned
 * says only which edits should be seen in it.
 */
export function verifyImage(image: GuestImage, plan: FixUpPlan): readonly Check[] {
  if (image.windows !== undefined) return verifyWindows(image, image.windows, plan);
  const hardware: Hardware = plan.target ?? { controller: 'pvscsi', nicModel: 'vmxnet3' };
  return [
    ...editChecks(image, plan),
    ...kernelChecks(image, hardware),
    ...tableChecks(image),
    ...bootChecks(image),
    ...networkChecks(image, plan),
    ...firmwareChecks(image),
  ];
}

function editChecks({ files, present }: GuestImage, { edits }: FixUpPlan): readonly Check[] {
  const undone = edits.filter(
    ({ run, path, after }) => run === undefined && files[path] !== after && !(after === '' && present.includes(path)),
  );
  if (undone.length === 0) return [passed('edits', `${edits.length} edits are in the image`)];
  return undone.map(({ id, path }) =>
    failed(`edit:${id}`, `${path} is not as the plan says`, 'apply the plan again, or make a new one'),
  );
}

function kernelChecks(image: GuestImage, hardware: Hardware): readonly Check[] {
  const kernels = image.kernels.filter((kernel) => kernel.image !== '');
  if (kernels.length === 0) return [failed('kernel', 'no kernel can be booted', 'install a kernel in the source')];
  return kernels.map((kernel, index) => {
    const id = `initramfs:${kernel.version}`;
    const lacking = driversMissing(kernel, driversToRun(hardware));
    // The one on top is what is started; another one may stay as it is.
    if (lacking.length > 0)
      return (index === 0 ? failed : warning)(
        id,
        `kernel ${kernel.version} was built without ${lacking.join(', ')}`,
        'do not choose it in the boot menu on the target',
      );
    const wanted = [...driversNotPacked(kernel, driversToBoot(hardware)), ...rootNeeds(image, kernel)];
    return wanted.length === 0
      ? passed(id, `${kernel.initramfs?.path ?? kernel.image} holds what the disks and the root need`)
      : failed(
          id,
          `the initramfs of kernel ${kernel.version} lacks ${wanted.join(', ')}`,
          'apply the plan, or rebuild it in the source',
        );
  });
}

/** What the root is on, and an initramfs lacks: modules of its file system and of what is under it, and their programs. */
function rootNeeds({ devices, mounts }: GuestImage, kernel: GuestKernel): readonly string[] {
  const root = mounts.find(({ mountpoint }) => mountpoint === '/');
  const under = stackOf(devices, root?.device ?? '');
  const fileSystem = /^ext[234]$/.test(root?.type ?? '') ? 'ext4' : (root?.type ?? '');
  const modules = [
    fileSystem,
    ...(under.some(({ kind }) => kind === 'lvm') ? ['dm_mod'] : []),
    ...(under.some(({ type }) => type === 'crypto_LUKS') ? ['dm_crypt'] : []),
    ...(under.some(({ kind }) => kind === 'md') ? ['md_mod'] : []),
  ];
  const programs = [
    ...(under.some(({ kind }) => kind === 'lvm') ? ['lvm'] : []),
    ...(under.some(({ kind }) => kind === 'md') ? ['mdadm'] : []),
  ];
  const has = kernel.initramfs?.programs ?? [];
  return [
    ...driversMissing(kernel, modules),
    ...driversNotPacked(kernel, modules),
    ...programs.filter((program) => !has.includes(program)).map((program) => `the program ${program}`),
  ];
}

function stackOf(devices: readonly GuestDevice[], name: string): readonly GuestDevice[] {
  const device = devices.find((one) => one.name === name);
  return device === undefined ? [] : [device, ...device.parts.flatMap((part) => stackOf(devices, part))];
}

function tableChecks(image: GuestImage): readonly Check[] {
  const lost: Check[] = [];
  const look = (id: string, name: string, path: string, isNeeded: boolean): void => {
    const isDevice = /^(UUID|LABEL|PARTUUID|PARTLABEL)=|^\/dev\//.test(name);
    if (!isDevice) return;
    const fate = fateOf(image, name);
    const found = fate.type === 'stable' && (deviceNamed(image.devices, name) !== undefined || isElsewhere(name));
    const remedy = `name it by its UUID in ${path}`;
    if (!found)
      lost.push((isNeeded ? failed : warning)(id, `${path}: ${name} is no device of these disks by content`, remedy));
  };
  for (const { device, mountpoint, type, options } of parseTable(image.files['/etc/fstab'] ?? '')) {
    const isNeeded = type !== 'swap' && !options.includes('nofail') && !options.includes('noauto');
    if (type !== 'nfs' && type !== 'cifs' && !/^\/dev\/(sr|cdrom|fd)/.test(device))
      look(`fstab:${mountpoint === 'none' ? device : mountpoint}`, device, '/etc/fstab', isNeeded);
  }
  for (const line of (image.files['/etc/crypttab'] ?? '').split('\n')) {
    const [name = '', device = ''] = line.trim().split(/\s+/);
    if (name !== '' && !name.startsWith('#')) look(`crypttab:${name}`, device, '/etc/crypttab', true);
  }
  return lost.length > 0 ? lost : [passed('tables', 'fstab and crypttab name what is on these disks')];
}

// What is inside an encrypted device, an array or a group that was not opened cannot be seen from here.
const isElsewhere = (name: string): boolean => /^\/dev\/(mapper\/|md|disk\/by-id\/(dm|md|lvm)-)|^PARTLABEL=/.test(name);

function bootChecks(image: GuestImage): readonly Check[] {
  if (image.bootLoader === 'unknown')
    return [warning('boot:loader', 'no boot loader is known here', 'look at the console during the test launch')];
  const lost = Object.entries(image.files).flatMap(([path, text]) => {
    if (
      !/^\/boot\/.*(grub\.cfg|grubenv|menu\.lst|grub\.conf|entries\/[^/]+\.conf)$|^\/etc\/(default\/grub|kernel\/cmdline)/.test(
        path,
      )
    )
      return [];
    const lines = text.split('\n').filter((line) => !line.trimStart().startsWith('#') && !path.endsWith('.cfg.d'));
    return lines.flatMap((line) =>
      [...line.matchAll(/\broot=([^\s"'\\$]+)/g)].flatMap(([, name = '']) => {
        // GRUB's own `root` is a disk by its number; its order is kept.
        const isKernels = /^(UUID|LABEL|PARTUUID)=|^\/dev\//.test(name);
        if (!isKernels || isRoot(image, name)) return [];
        return [failed(`boot:${path}`, `${path}: root=${name} is not the root of this guest`, `correct it in ${path}`)];
      }),
    );
  });
  const found = [...new Map(lost.map((check) => [check.id, check])).values()];
  return found.length > 0 ? found : [passed('boot', 'the boot loader names the root by what is on it')];
}

function isRoot(image: GuestImage, name: string): boolean {
  const root = image.mounts.find(({ mountpoint }) => mountpoint === '/');
  return fateOf(image, name).type === 'stable' && deviceNamed(image.devices, name)?.name === root?.device;
}

function firmwareChecks({ firmware, present }: GuestImage): readonly Check[] {
  if (firmware !== 'uefi') return [];
  return present.some((path) => /^\/boot\/efi\/EFI\/boot\/bootx64\.efi$/i.test(path))
    ? [passed('uefi', 'the firmware finds a loader by itself')]
    : [
        failed(
          'uefi',
          'the EFI partition has no EFI/BOOT/BOOTX64.EFI',
          'apply the plan, or install the boot loader as removable',
        ),
      ];
}
