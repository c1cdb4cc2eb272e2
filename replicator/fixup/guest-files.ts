import type { FixUpError } from '#core/ports/fix-up';
import { ok, type Result } from '#core/result';
import { linesOf } from './guest-devices.ts';
import { fetchTexts } from './guest-tree.ts';
import type { GuestfishSession } from './guestfish.ts';

/** Files whose text a plan looks at. Links are followed, and each file is known by where it really is. */
const texts: readonly string[] = [
  ...['/etc/os-release', '/etc/redhat-release', '/etc/fstab', '/etc/crypttab', '/etc/inittab', '/etc/hostname'],
  // What the kernel is told, by whichever boot loader.
  ...['/etc/default/grub', '/etc/default/grub.d/*.cfg', '/etc/kernel/cmdline', '/boot/loader/entries/*.conf'],
  ...['/boot/grub/grub.cfg', '/boot/grub2/grub.cfg', '/boot/grub/grubenv', '/boot/grub2/grubenv'],
  ...['/boot/efi/EFI/*/grub.cfg', '/boot/grub/menu.lst', '/boot/grub/grub.conf', '/boot/efi/loader/entries/*.conf'],
  ...['/boot/grub/device.map', '/boot/grub2/device.map'],
  // What goes into an initramfs.
  ...['/etc/initramfs-tools/initramfs.conf', '/etc/initramfs-tools/modules', '/etc/initramfs-tools/conf.d/*'],
  ...['/etc/dracut.conf', '/etc/dracut.conf.d/*.conf', '/etc/modprobe.conf', '/etc/modprobe.d/*.conf'],
  // Names of disks.
  ...['/etc/lvm/lvm.conf', '/etc/lvm/lvmlocal.conf', '/etc/lvm/devices/system.devices', '/etc/lvm/cache/.cache'],
  ...['/etc/blkid.tab', '/etc/blkid/blkid.tab', '/etc/mdadm.conf', '/etc/mdadm/mdadm.conf'],
  ...['/etc/systemd/system/*.mount', '/etc/systemd/system/*.swap', '/etc/kdump.conf'],
  // Networks.
  ...['/etc/network/interfaces', '/etc/network/interfaces.d/*', '/etc/netplan/*.yaml', '/etc/systemd/network/*'],
  ...['/etc/systemd/network/*.network.d/*.conf', '/etc/systemd/network/*.netdev.d/*.conf'],
  ...[
    '/etc/NetworkManager/NetworkManager.conf',
    '/etc/NetworkManager/conf.d/*.conf',
    '/etc/NetworkManager/system-connections/*',
    '/etc/sysconfig/network-scripts/ifcfg-*',
    '/etc/sysconfig/network/ifcfg-*',
  ],
  ...['/etc/sysconfig/network-scripts/route-*', '/etc/sysconfig/network/ifroute-*', '/etc/udev/rules.d/*net*.rules'],
  // What else knows on what it runs.
  ...['/etc/cloud/cloud.cfg', '/etc/cloud/cloud.cfg.d/*.cfg', '/etc/chrony.conf', '/etc/chrony/chrony.conf'],
  ...['/etc/chrony/conf.d/*', '/etc/chrony.d/*.conf', '/etc/X11/xorg.conf', '/etc/X11/xorg.conf.d/*.conf'],
  ...['/etc/selinux/config', '/var/lib/sealift/stage.json'],
];

/** Things a plan only asks about: whether they are there. Folders end with a slash. */
const things: readonly string[] = [
  ...['/usr/sbin/update-initramfs', '/usr/sbin/mkinitramfs', '/usr/bin/dracut', '/usr/sbin/dracut', '/sbin/dracut'],
  ...['/usr/bin/mkinitcpio', '/usr/bin/systemctl', '/bin/systemctl', '/usr/bin/vmtoolsd', '/usr/bin/cloud-init'],
  ...['/etc/cloud/cloud-init.disabled', '/sbin/setfiles', '/usr/sbin/setfiles'],
  ...[
    '/etc/selinux/*/contexts/files/file_contexts',
    '/boot/efi/EFI/*/*.[eE][fF][iI]',
    '/boot/grub/i386-pc/core.img',
    '/boot/grub2/i386-pc/core.img',
  ],
  ...['/etc/NetworkManager/NetworkManager.conf', '/usr/sbin/wickedd', '/usr/sbin/ifup', '/sbin/ifup'],
  ...['/lib/systemd/systemd-networkd', '/etc/systemd/system/multi-user.target.wants/systemd-networkd.service'],
  ...[
    '/var/lib/sealift/sentinel',
    '/usr/local/nutanix/ngt',
    '/opt/sealift',
    '/etc/systemd/system/sealift-sentinel.service',
  ],
];

const unitFolders = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];
/** Units of a hypervisor's agents and of consoles only it has; also those that are asked about elsewhere. */
const unitsThatMatter =
  /^(qemu-guest-agent|qemu-ga|spice-vdagentd?|hv-(kvp|vss|fcopy)-daemon|hyperv(kvp|vss|fcopy)d|walinuxagent|waagent|ngt_guest_agent|ngt_self_service_restore|xe-(daemon|linux-distribution)|vbox(add|add-service|service)|virtualbox-guest-utils|sealift-.*|open-vm-tools|vmtoolsd|serial-getty@hvc0|getty@hvc0)\.(service|socket)$/;

/** What was read of a guest's files: texts by path, and what is there. */
export interface GuestFiles {
  readonly files: Readonly<Record<string, string>>;
  readonly present: readonly string[];
}

/** Reads what plans look at, in a guest that is mounted. */
export async function guestFiles(session: GuestfishSession): Promise<Result<GuestFiles, FixUpError>> {
  const found = await expand(session, texts);
  if (!found.ok) return found;
  const real = await realPaths(session, found.value);
  const contents = await fetchTexts(session, real);
  const there = await expand(session, things);
  if (!there.ok) return there;
  const listed = await session.runAll(unitFolders.map((folder) => ['ls', folder]));
  const units = unitFolders.flatMap((folder, index) => {
    const answer = listed[index];
    const names = answer?.ok ? linesOf(answer.value) : [];
    return names.filter((name) => unitsThatMatter.test(name)).map((name) => `${folder}/${name}`);
  });
  const own = await ownUnits(
    session,
    units.filter((path) => path.startsWith('/etc/')),
  );
  return ok({
    files: Object.fromEntries([...contents, ...own].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    present: [...new Set([...there.value, ...units])].toSorted(),
  });
}

async function expand(
  session: GuestfishSession,
  patterns: readonly string[],
): Promise<Result<readonly string[], FixUpError>> {
  const answers = await session.runAll(patterns.map((pattern) => ['glob-expand', pattern]));
  const failed = answers.find((answer) => !answer.ok);
  if (failed !== undefined && !failed.ok) return failed;
  return ok([...new Set(answers.flatMap((answer) => (answer.ok ? linesOf(answer.value) : [])))]);
}

/** /etc/sysconfig/grub is a link to /etc/default/grub: edited by both names it would be edited twice. */
async function realPaths(session: GuestfishSession, paths: readonly string[]): Promise<readonly string[]> {
  const answers = await session.runAll(paths.map((path) => ['realpath', path]));
  return [...new Set(answers.flatMap((answer) => (answer.ok ? [answer.value.trim()] : [])))];
}

/**
 * Units below /etc as they stand there. One that is a link to /dev/null is masked, which an empty file says as well;
 * other links are names of units elsewhere.
 */
async function ownUnits(
  session: GuestfishSession,
  paths: readonly string[],
): Promise<readonly (readonly [string, string])[]> {
  const links = await session.runAll(paths.map((path) => ['readlink', path]));
  const target = (index: number): string | undefined => {
    const link = links[index];
    return link?.ok ? link.value.trim() : undefined;
  };
  const masked = paths.filter((_, index) => target(index) === '/dev/null');
  const plain = await fetchTexts(
    session,
    paths.filter((_, index) => target(index) === undefined),
  );
  return [...masked.map((path) => [path, ''] as const), ...plain];
}
