import type { Check } from '#core/migration/facts';
import type { GuestInventory } from '#core/ports/guest-agent';
import { MiB } from '#core/units';
import { targetDrivers } from './boot.ts';
import type { SurveyDetails } from './survey.ts';

/** An inventory that may have come without its details: from an older sentinel, or out of a log. */
export type SurveyedInventory = GuestInventory & { readonly details?: SurveyDetails };

/**
 * What stands in the way of moving a guest, judged from its inventory alone. Failed: it cannot be moved, or would not
 * boot. Warning: it can, and somebody should know something first. Pure: the same inventory gives the same checks in
 * the same order.
 */
export function readinessOf(inventory: SurveyedInventory): readonly Check[] {
  const { details } = inventory;
  return [
    machineCheck(inventory),
    ...inventory.disks.map(trackable),
    diskCount(inventory),
    bootLoader(inventory),
    passed('firmware', `the guest was started by ${inventory.firmware === 'uefi' ? 'UEFI' : 'BIOS'}`),
    ...(details === undefined ? [noDetails] : detailChecks(inventory, details)),
    ...roomChecks(inventory),
    ...shareChecks(inventory),
    ...inventory.volumes.filter(({ kind }) => kind === 'luks').map(encrypted),
    ...swapChecks(inventory),
    ...agentChecks(inventory),
    nics(inventory),
  ];
}

const passed = (id: string, message: string): Check => ({ id, verdict: 'passed', message, remedy: '' });
const warning = (id: string, message: string, remedy: string): Check => ({ id, verdict: 'warning', message, remedy });
const failed = (id: string, message: string, remedy: string): Check => ({ id, verdict: 'failed', message, remedy });

const noDetails = warning(
  'inventory-complete',
  'the inventory has no details: kernels, arrays and the clock were not looked at',
  'upgrade the sentinel and ask again',
);

function machineCheck({ machine }: GuestInventory): Check {
  return machine === 'x86_64' || /^i[3-6]86$/.test(machine)
    ? passed('machine', `the processor architecture is ${machine}`)
    : failed('machine', `the processor architecture is ${machine}`, 'only x86 guests run on the target');
}

const trackable = ({ id, path, tracking }: GuestInventory['disks'][number]): Check =>
  tracking.possible
    ? passed(`disk-trackable:${id}`, `writes to ${path} can be tracked`)
    : warning(
        `disk-trackable:${id}`,
        `writes to ${path} cannot be tracked: ${tracking.why}`,
        'none is needed: every round compares digests of the whole disk, which reads all of it and takes longer',
      );

// Four controllers of fifteen disks each.
const disksMax = 60;

function diskCount({ disks }: GuestInventory): Check {
  if (disks.length === 0) return failed('disks', 'no disk was found', 'see that /sys is mounted in the guest');
  return disks.length <= disksMax
    ? passed('disks', `${disks.length} to move: ${disks.map(({ id }) => id).join(', ')}`)
    : failed('disks', `${disks.length} disks, and a target holds ${disksMax}`, 'move some of the data another way');
}

function bootLoader({ bootLoader: name }: GuestInventory): Check {
  if (name === 'grub2' || name === 'systemd-boot') return passed('boot-loader', `the boot loader is ${name}`);
  if (name === 'unknown')
    return failed('boot-loader', 'no boot loader was found', 'see that /boot is mounted in the guest');
  return warning(
    'boot-loader',
    `the boot loader is ${name}: its entries are checked, and not changed`,
    'do a test launch before the window',
  );
}

function detailChecks(inventory: GuestInventory, details: SurveyDetails): readonly Check[] {
  return [
    ...details.kernels.filter(({ image }) => image).map((kernel) => drivers(kernel, inventory.kernel)),
    ...(details.kernels.some(({ image }) => image)
      ? []
      : [failed('kernels', 'no kernel was found in /boot', 'see that /boot is mounted in the guest')]),
    ...details.degraded.map((name) =>
      failed(`md:${name}`, `the array ${name} is degraded or being rebuilt`, 'repair it, then ask again'),
    ),
    ...details.locked.map((name) =>
      warning(`luks:${name}`, `${name} is encrypted and locked`, 'none is needed: it is copied as it is, unread'),
    ),
    ...details.multipath.map((name) =>
      failed(
        `multipath:${name}`,
        `${name} is a disk over several paths, and each path shows up as a disk of its own`,
        'leave one path, or move this disk another way',
      ),
    ),
    hardwareNames(details),
    clock(details),
    ...details.missing.map((what, index) =>
      warning(`inventory-complete:${index}`, `not found out: ${what}`, 'install the program that is named, if any'),
    ),
  ];
}

function drivers(kernel: SurveyDetails['kernels'][number], running: string): Check {
  const id = `kernel-drivers:${kernel.version}`;
  const has = (names: readonly string[]): boolean => names.some((name) => kernel.drivers.includes(name));
  const lacking = [
    ...(has(targetDrivers.storage) ? [] : [`a disk controller (${targetDrivers.storage.join(', ')})`]),
    ...(has(targetDrivers.network) ? [] : [`a network card (${targetDrivers.network.join(', ')})`]),
  ];
  if (lacking.length === 0) return passed(id, `kernel ${kernel.version} has ${kernel.drivers.join(', ')}`);
  const message = `kernel ${kernel.version} has no driver for ${lacking.join(' or ')} of the target`;
  const remedy = "install the distribution's generic kernel; those for clouds leave these drivers out";
  return kernel.version === running ? failed(id, message, remedy) : warning(id, message, remedy);
}

const hardwareNames = ({ hardwareNames: names }: SurveyDetails): Check =>
  names.length === 0
    ? passed('fstab', '/etc/fstab names devices by their content')
    : warning(
        'fstab',
        `/etc/fstab names devices by their hardware: ${names.join(', ')}`,
        'none is needed: fix-up names them by UUID on the replica',
      );

const clock = ({ timeService }: SurveyDetails): Check =>
  timeService === ''
    ? warning(
        'clock',
        'no time service runs, and the clock of the old hypervisor stays behind',
        'set up chrony or systemd-timesyncd',
      )
    : passed('clock', `${timeService} keeps the clock`);

/** What fix-up needs to write new initial RAM disks beside the old. */
const roomMin = { '/': 20 * MiB, '/boot': 50 * MiB } as const;

function roomChecks({ fileSystems }: GuestInventory): readonly Check[] {
  const boot = fileSystems.some(({ mountpoint }) => mountpoint === '/boot');
  return fileSystems.flatMap(({ mountpoint, size, used }) => {
    if (mountpoint !== '/' && mountpoint !== '/boot') return [];
    if (size === 0) return [];
    // Without a file system of its own, /boot takes its room from the root.
    const needed = mountpoint === '/' && !boot ? roomMin['/'] + roomMin['/boot'] : roomMin[mountpoint];
    const id = `free-room:${mountpoint}`;
    const free = `${mountpoint} has ${Math.floor((size - used) / MiB)} MiB free`;
    return size - used >= needed
      ? [passed(id, free)]
      : [failed(id, `${free}, and fix-up needs ${needed / MiB} MiB`, 'remove old kernels or other files')];
  });
}

const shareChecks = ({ networkShares }: GuestInventory): readonly Check[] =>
  networkShares.map(({ type, source, mountpoint }) =>
    warning(
      `network-share:${mountpoint}`,
      `${source} (${type}) is mounted on ${mountpoint}: its content is not moved`,
      type === 'cifs' || type.startsWith('smb')
        ? 'see that the target can reach it, and that its password is not asked for at boot'
        : 'see that the target can reach it, or that the guest boots without it (nofail)',
    ),
  );

const encrypted = ({ name, parts }: GuestInventory['volumes'][number]): Check =>
  warning(
    `luks:${name}`,
    `${name} is encrypted (on ${parts.join(', ')}): it is copied as it is, and fix-up can open it only with its passphrase`,
    'have the passphrase ready; a key that a TPM holds does not come along',
  );

function swapChecks({ swap, fileSystems }: GuestInventory): readonly Check[] {
  const places = swap.filter((place) => !place.startsWith('/dev/zram'));
  if (places.length === 0) return [passed('swap', 'no swap on a disk')];
  const files = places.filter((place) => !place.startsWith('/dev/'));
  return [
    passed(
      'swap',
      `swap on ${places.join(', ')}${files.length > 0 && fileSystems.length > 0 ? '; it is turned off when the guest is brought to rest' : ''}`,
    ),
  ];
}

const agentChecks = ({ oldAgents }: GuestInventory): readonly Check[] =>
  oldAgents.map((name) =>
    warning(`old-agent:${name}`, `${name} serves the old hypervisor`, 'none is needed: it is turned off on the target'),
  );

function nics({ nics: all }: GuestInventory): Check {
  const hardware = all.filter(({ driver }) => !['vlan', 'bond', 'bridge', 'team'].includes(driver));
  return hardware.length === 0
    ? failed('nics', 'no network card was found', 'see that /sys is mounted in the guest')
    : passed('nics', `${hardware.length}: ${hardware.map(({ name, mac }) => `${name} (${mac})`).join(', ')}`);
}
