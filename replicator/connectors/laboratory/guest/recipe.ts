import { MiB } from '#core/units';
import { loadConfigPath, loadProgram, recordFiles, verifyProgram } from './load-programs.ts';

/**
 * What the laboratory guest is: an ordinary Debian 12 server that was installed on virtio and nothing else. Its initramfs
 * is built with `MODULES=list`, so that it finds its root file system there and nowhere else; its network is bound to the
 * name its interface has there.
 */
export interface GuestRecipe {
  readonly suite: string;
  readonly mirror: string;
  readonly packages: readonly string[];
  /** Files of packages that are not unpacked: nobody reads or loads them here, and every byte is replicated. */
  readonly excluded: readonly string[];
  readonly files: readonly GuestFile[];
  /** Units that never run: they cost boot time in software emulation and add nothing. */
  readonly masked: readonly string[];
  /** Units that are started at boot, beside those that Debian's packages enable. */
  readonly enabled: readonly string[];
  /** Size of the disk with the root file system, in bytes. */
  readonly rootSize: number;
  /** Size of the disk with LVM and xfs. xfs wants 300 MiB. */
  readonly dataSize: number;
  readonly rootUuid: string;
  /** How the rest is done; counted up when `build.ts` makes other disks of the same recipe. */
  readonly version: number;
}

/** One file that the builder adds or replaces. */
export interface GuestFile {
  readonly path: string;
  readonly content: string;
  readonly mode?: number;
}

/** The guest's name for itself. */
export const guestHostname = 'laboratory-guest';
/** The name its one NIC has on virtio in slot 3, to which its network is bound. */
export const guestInterface = 'ens3';
/** Where the second file system is mounted. */
export const dataMountpoint = '/srv';

const rootUuid = '5ea11f70-0d1e-4c6b-9a8e-000000000001';

// Of hardware that neither QEMU nor vSphere has, and of file systems and protocols that the guest does not use: a third of
// the kernel's modules, which a full sync, each rescan and each comparison would read in software emulation.
const drivers = (name: string): string => `drivers/${name}`;
const modulesNobodyLoads: readonly string[] = [
  ...['gpu', 'media', 'staging', 'infiniband', 'isdn', 'iio', 'usb', 'hwmon', 'platform', 'comedi', 'mtd'].map(drivers),
  ...['bluetooth', 'mmc', 'soundwire', 'thunderbolt', 'nvdimm', 'ufs', 'net/wireless', 'net/usb', 'net/can'].map(
    drivers,
  ),
  ...['mellanox', 'broadcom', 'qlogic', 'chelsio', 'sfc', 'netronome', 'cavium', 'stmicro', 'aquantia', 'atheros']
    .map((vendor) => `net/ethernet/${vendor}`)
    .map(drivers),
  ...['nfs', 'nfsd', 'ocfs2', 'smb', 'ceph', 'gfs2', 'afs', 'ubifs', 'nilfs2', 'reiserfs'].map((name) => `fs/${name}`),
  ...['mac80211', 'wireless', 'bluetooth', 'tipc', 'sctp', 'batman-adv', 'nfc', 'ceph', 'sunrpc'].map(
    (name) => `net/${name}`,
  ),
  'sound',
];

/** The recipe. Its digest names the built disks in the cache. */
export const guestRecipe: GuestRecipe = {
  suite: 'bookworm',
  mirror: 'http://deb.debian.org/debian',
  packages: [
    ...['systemd', 'systemd-sysv', 'udev', 'dbus', 'kmod', 'procps', 'iproute2'],
    ...['linux-image-amd64', 'initramfs-tools', 'zstd', 'grub-pc'],
    ...['e2fsprogs', 'lvm2', 'xfsprogs', 'nodejs'],
  ],
  excluded: [
    ...['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*'],
    ...modulesNobodyLoads.map((folder) => `/lib/modules/*/kernel/${folder}/*`),
  ],
  files: [
    { path: '/etc/hostname', content: `${guestHostname}\n` },
    { path: '/etc/hosts', content: `127.0.0.1 localhost\n127.0.1.1 ${guestHostname}\n` },
    // Kept over builds and known before the first boot, which would otherwise take it for a fresh machine.
    { path: '/etc/machine-id', content: '5ea11f700d1e4c6b9a8e000000000001\n' },
    {
      path: '/etc/fstab',
      content: [
        `UUID=${rootUuid} / ext4 errors=remount-ro 0 1`,
        `/dev/mapper/data-srv ${dataMountpoint} xfs defaults 0 2`,
        '',
      ].join('\n'),
    },
    { path: '/etc/initramfs-tools/modules', content: 'virtio_pci\nvirtio_blk\nvirtio_net\next4\n' },
    // It is built again in software emulation, where the default level takes minutes.
    { path: '/etc/initramfs-tools/conf.d/compression', content: 'COMPRESSLEVEL=1\n' },
    {
      path: `/etc/systemd/network/10-${guestInterface}.network`,
      content: [
        `[Match]\nName=${guestInterface}\n`,
        '[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n',
        // The same address for the same MAC, whatever the machine.
        '[DHCPv4]\nClientIdentifier=mac\n',
      ].join('\n'),
    },
    {
      path: '/etc/default/grub',
      content: [
        'GRUB_DEFAULT=0',
        'GRUB_TIMEOUT=0',
        'GRUB_DISTRIBUTOR=Debian',
        'GRUB_CMDLINE_LINUX_DEFAULT=""',
        'GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200 mitigations=off"',
        'GRUB_TERMINAL="console serial"',
        'GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"',
        'GRUB_DISABLE_OS_PROBER=true',
        '',
      ].join('\n'),
    },
    { path: '/usr/local/lib/sealift-load/load.mjs', content: loadProgram },
    { path: '/usr/local/lib/sealift-load/verify.mjs', content: verifyProgram },
    {
      path: '/etc/systemd/system/sealift-load.service',
      content: [
        '[Unit]\nDescription=Appends records to both disks and acknowledges them',
        `RequiresMountsFor=${dataMountpoint}`,
        `ConditionPathExists=${loadConfigPath}\n`,
        `[Service]\nExecStart=/usr/bin/node /usr/local/lib/sealift-load/load.mjs ${loadConfigPath} ${recordFiles.join(' ')}`,
        'Restart=on-failure\nRestartSec=2\n',
        '[Install]\nWantedBy=multi-user.target\n',
      ].join('\n'),
    },
    { path: '/usr/local/sbin/operator-shell', mode: 0o755, content: operatorShell() },
    {
      path: '/etc/systemd/system/operator-shell.service',
      content: [
        "[Unit]\nDescription=The operator's console on the second serial port\n",
        '[Service]\nExecStart=/usr/local/sbin/operator-shell\nEnvironment=TMPDIR=/run HOME=/root',
        // What the operator starts goes on when the console is closed, as it would from a login.
        'KillMode=process\nRestart=on-failure\nRestartSec=2\n',
        '[Install]\nWantedBy=multi-user.target\n',
      ].join('\n'),
    },
  ],
  masked: [
    ...['apt-daily.timer', 'apt-daily-upgrade.timer', 'dpkg-db-backup.timer', 'fstrim.timer'],
    ...['e2scrub_all.timer', 'e2scrub_reap.service', 'systemd-pstore.service', 'proc-sys-fs-binfmt_misc.automount'],
    ...['systemd-binfmt.service', 'modprobe@drm.service'],
  ],
  enabled: ['systemd-networkd.service', 'sealift-load.service', 'operator-shell.service'],
  rootSize: 1024 * MiB,
  dataSize: 384 * MiB,
  rootUuid,
  version: 1,
};

/**
 * A root shell for the laboratory's operator. A line `<id> <command in base64>` in; out come `BEGIN <id>`, what the command
 * printed in base64, and `END <id> <status>`. Base64, so that no byte of either is the terminal's to interpret.
 */
function operatorShell(): string {
  return String.raw`#!/bin/bash
exec 3<>/dev/ttyS1 || exit 1
stty -F /dev/ttyS1 raw -echo 115200 || exit 1
printf '\nREADY\n' >&3
while read -r id encoded <&3; do
  [ -n "$encoded" ] || continue
  command=$(printf %s "$encoded" | base64 -d) || continue
  bash -c "$command" >/run/operator-shell.output 2>&1 </dev/null 3>&-
  status=$?
  { printf '\nBEGIN %s\n' "$id"; base64 -w 1000 /run/operator-shell.output; printf 'END %s %s\n' "$id" "$status"; } >&3
done
`;
}
