import type { GuestFamily, GuestImage } from '#core/ports/fix-up';

/** What was read of an image, before anything is made of it. */
export type GuestReadings = Pick<GuestImage, 'devices' | 'mounts' | 'kernels' | 'files' | 'present'>;

/** Says what the readings mean. Pure. */
export function describeImage(readings: GuestReadings): GuestImage {
  const { devices, files, present } = readings;
  return {
    ...readings,
    os: systemOf(files),
    firmware: firmwareOf(readings),
    bootLoader: bootLoaderOf(files),
    initramfsSystem: initramfsSystemOf(present),
    networkSystems: networkSystemsOf(readings),
    oldAgents: oldAgentsAmong(present),
    locked: devices.filter(({ type }) => type === 'crypto_LUKS' || type === 'BitLocker').map(({ name }) => name),
    hibernated: devices.filter(({ type }) => type === 'swsuspend').map(({ name }) => name),
  };
}

/** The value of `KEY=value` in a file of shell assignments, without quotes. The last one counts, as for a shell. */
export const assigned = (text: string, key: string): string | undefined =>
  [...text.matchAll(new RegExp(`^\\s*(?:export\\s+)?${key}=(["']?)(.*?)\\1\\s*(?:#.*)?$`, 'gm'))].at(-1)?.[2];

const families: readonly (readonly [GuestFamily, RegExp])[] = [
  ['debian', /^(debian|ubuntu)$/],
  ['redhat', /^(rhel|fedora|centos|rocky|almalinux|ol)$/],
  ['suse', /^(sles|sled|suse|opensuse.*)$/],
];

function systemOf(files: GuestImage['files']): GuestImage['os'] {
  const release = files['/etc/os-release'] ?? files['/usr/lib/os-release'] ?? '';
  const id = assigned(release, 'ID') ?? '';
  const words = [id, ...(assigned(release, 'ID_LIKE') ?? '').split(/\s+/)];
  const family = families.find(([, pattern]) => words.some((word) => pattern.test(word)))?.[0];
  if (id !== '') {
    const name = assigned(release, 'PRETTY_NAME') ?? assigned(release, 'NAME') ?? id;
    return { family: family ?? 'unknown', id, version: assigned(release, 'VERSION_ID') ?? '', name };
  }
  // Before os-release, Red Hat and its kin had one line: "CentOS release 6.10 (Final)".
  const line = (files['/etc/redhat-release'] ?? '').trim();
  return { family: line === '' ? 'unknown' : 'redhat', id: '', version: /\d[\d.]*/.exec(line)?.[0] ?? '', name: line };
}

const espType = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b';
const biosBootType = '21686148-6449-6e6f-744e-656564454649';

/** A guest boots by UEFI if it mounts a system partition; a disk may have one left over from an installer. */
function firmwareOf({ devices, mounts }: GuestReadings): 'bios' | 'uefi' {
  const typeOf = (name: string): string => devices.find((device) => device.name === name)?.partType ?? '';
  const mounted = mounts.some(({ device, type, mountpoint }) => {
    const isPlace = mountpoint === '/boot/efi' || mountpoint === '/efi' || mountpoint === '/boot';
    return type === 'vfat' && (typeOf(device) === espType || typeOf(device) === '0xef') && isPlace;
  });
  const hasBiosBoot = devices.some(({ partType }) => partType === biosBootType);
  return mounted && !hasBiosBoot ? 'uefi' : 'bios';
}

function bootLoaderOf(files: GuestImage['files']): GuestImage['bootLoader'] {
  const has = (pattern: RegExp): boolean => Object.keys(files).some((path) => pattern.test(path));
  if (has(/^\/boot\/(grub2?\/grub\.cfg|efi\/EFI\/[^/]+\/grub\.cfg)$/)) return 'grub2';
  if (has(/^\/boot\/grub\/(menu\.lst|grub\.conf)$/)) return 'grub-legacy';
  return has(/^\/boot\/efi\/loader\/entries\//) ? 'systemd-boot' : 'unknown';
}

function initramfsSystemOf(present: readonly string[]): GuestImage['initramfsSystem'] {
  const has = (path: string): boolean => present.includes(path);
  // dracut on Debian brings an update-initramfs too, but not what it would call.
  if (has('/usr/sbin/update-initramfs') && has('/usr/sbin/mkinitramfs')) return 'initramfs-tools';
  if (has('/usr/bin/dracut') || has('/usr/sbin/dracut') || has('/sbin/dracut')) return 'dracut';
  return has('/usr/bin/mkinitcpio') ? 'mkinitcpio' : 'unknown';
}

function networkSystemsOf({ files, present }: GuestReadings): readonly string[] {
  const has = (pattern: RegExp): boolean => Object.keys(files).some((path) => pattern.test(path));
  const eni = Object.entries(files).some(
    ([path, text]) => path.startsWith('/etc/network/interfaces') && /^\s*iface\s+(?!lo\b)/m.test(text),
  );
  const systems: readonly (readonly [string, boolean])[] = [
    ['eni', eni],
    ['netplan', has(/^\/etc\/netplan\//)],
    ['networkmanager-keyfile', has(/^\/etc\/NetworkManager\/system-connections\//)],
    ['ifcfg', has(/^\/etc\/sysconfig\/network(-scripts)?\/ifcfg-(?!lo$)/)],
    ['networkd', has(/^\/etc\/systemd\/network\/.*\.network$/)],
    ['wicked', present.includes('/usr/sbin/wickedd')],
  ];
  return systems.filter(([, isThere]) => isThere).map(([name]) => name);
}

/** Names of the agents of the hypervisor a guest comes from, by their units. */
export const oldAgentsAmong = (present: readonly string[]): readonly string[] =>
  [...new Set(present.flatMap((path) => oldAgentUnit.exec(path)?.[1] ?? []))].toSorted();

const oldAgentUnit =
  /\/systemd\/system\/((?:qemu-|spice-|hv-|hyperv|walinux|waagent|ngt_|xe-|vbox|virtualbox)[^/]*)\.(?:service|socket)$/;
