import type { FixUpPlan, FixUpTarget, GuestDevice, GuestImage, GuestKernel } from '#core/ports/fix-up';
import { bytes } from '#core/units';
import { describeImage, type GuestReadings } from '#replicator/fixup/describe-image';
import { planFixUp } from '#replicator/fixup/plan';
import { valueOf } from './value-of.ts';

/** Guests as an inspection reads them, small and with what real ones of their family have in common. */
export const target: FixUpTarget = {
  controller: 'pvscsi',
  nicModel: 'vmxnet3',
  nics: [{ mac: '52:54:00:12:34:56', name: 'ens3' }],
};

/** A device with ids that tell it from others. */
export const device = (name: string, type: string, more: Partial<GuestDevice> = {}): GuestDevice => ({
  name,
  kind: /^\/dev\/sd[a-z]$/.test(name) ? 'disk' : name.startsWith('/dev/sd') ? 'partition' : 'lvm',
  type,
  uuid: type === '' ? '' : `uuid-of-${name.slice(5).replaceAll('/', '-')}`,
  label: '',
  partUuid: /^\/dev\/sd[a-z]\d+$/.test(name) ? `part-${name.slice(5)}` : '',
  partType: '',
  parts: /^\/dev\/sd[a-z]\d+$/.test(name) ? [name.replace(/\d+$/, '')] : [],
  ...more,
});

const general = [
  'vmw_pvscsi',
  'vmxnet3',
  'mptsas',
  'mpt3sas',
  'ahci',
  'nvme',
  'e1000e',
  'sd_mod',
  'ext4',
  'xfs',
  'dm_mod',
  'dm_crypt',
  'virtio_blk',
];

/** A kernel of a distribution, with an initramfs that holds what `packed` says: at first only what the source needs. */
export const kernel = (
  version: string,
  path: string,
  packed: readonly string[] = ['virtio_blk', 'ext4'],
): GuestKernel => ({
  version,
  image: `/boot/vmlinuz-${version}`,
  drivers: Object.fromEntries(general.map((name) => [name, 'module'])),
  initramfs: { path, size: bytes(9_000_000), modules: packed, programs: [] },
});

const mount = (name: string, mountpoint: string, type: string) => ({
  device: name,
  mountpoint,
  type,
  free: bytes(2 ** 30),
});

const debianReadings: GuestReadings = {
  devices: [
    ...[device('/dev/sda', ''), device('/dev/sdb', '')],
    ...[device('/dev/sda1', 'ext4'), device('/dev/sda2', 'swap'), device('/dev/sdb1', 'LVM2_member')],
    device('/dev/data/var', 'xfs', { parts: ['/dev/sdb1'] }),
  ],
  mounts: [mount('/dev/sda1', '/', 'ext4'), mount('/dev/data/var', '/srv', 'xfs')],
  kernels: [kernel('6.1.0-25-amd64', '/boot/initrd.img-6.1.0-25-amd64')],
  files: {
    '/etc/os-release': 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n',
    '/etc/fstab':
      '# made by the installer\n/dev/vda1  /     ext4  errors=remount-ro 0 1\n/dev/vda2  none  swap  sw 0 0\n/dev/data/var /srv xfs defaults 0 2\n',
    '/etc/default/grub': 'GRUB_CMDLINE_LINUX="root=/dev/vda1 console=hvc0 quiet"\nGRUB_DISABLE_LINUX_UUID=true\n',
    '/boot/grub/grub.cfg':
      "set root='hd0,msdos1'\nlinux /boot/vmlinuz-6.1.0-25-amd64 root=/dev/vda1 ro resume=/dev/vda2 console=hvc0\n",
    '/boot/grub/device.map': '(hd0)\t/dev/disk/by-id/virtio-serial\n',
    '/etc/initramfs-tools/initramfs.conf': 'MODULES=list\n',
    '/etc/initramfs-tools/modules': '# List of modules\nvirtio_blk\next4',
    '/etc/initramfs-tools/conf.d/resume': 'RESUME=/dev/vda2\n',
    '/etc/network/interfaces': 'auto lo\niface lo inet loopback\nauto ens3\niface ens3 inet dhcp\n',
    '/etc/chrony/chrony.conf': 'pool pool.ntp.org iburst\nrefclock PHC /dev/ptp_kvm poll 2\n',
    '/etc/modprobe.d/net.conf':
      'alias eth0 virtio_net\nalias scsi_hostadapter virtio_blk\nblacklist vmxnet3\nblacklist pcspkr\n',
  },
  present: [
    ...['/usr/sbin/update-initramfs', '/usr/sbin/mkinitramfs', '/usr/bin/systemctl'],
    ...['/lib/systemd/system/qemu-guest-agent.service', '/usr/lib/systemd/system/qemu-guest-agent.service'],
    ...['/usr/lib/systemd/system/spice-vdagentd.socket', '/lib/systemd/system/open-vm-tools.service'],
  ],
};

const ubuntuReadings: GuestReadings = {
  devices: [
    device('/dev/sda', ''),
    device('/dev/sda1', 'ext4', { label: 'cloudimg-rootfs' }),
    device('/dev/sda15', 'vfat', { label: 'UEFI', partType: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b' }),
  ],
  mounts: [mount('/dev/sda1', '/', 'ext4'), mount('/dev/sda15', '/boot/efi', 'vfat')],
  kernels: [kernel('6.8.0-45-generic', '/boot/initrd.img-6.8.0-45-generic', [...general])],
  files: {
    '/usr/lib/os-release': 'PRETTY_NAME="Ubuntu 24.04 LTS"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n',
    '/etc/fstab': 'LABEL=cloudimg-rootfs / ext4 discard 0 1\nLABEL=UEFI /boot/efi vfat umask=0077 0 1\n',
    '/etc/default/grub': 'GRUB_CMDLINE_LINUX=""\n',
    '/boot/grub/grub.cfg':
      'linux /boot/vmlinuz-6.8.0-45-generic root=LABEL=cloudimg-rootfs ro console=tty1 console=ttyS0\n',
    '/etc/initramfs-tools/initramfs.conf': 'MODULES=most\n',
    '/etc/initramfs-tools/conf.d/driver-policy': 'MODULES=dep\n',
    '/etc/initramfs-tools/modules': '',
    '/etc/netplan/50-cloud-init.yaml': 'network:\n  ethernets:\n    ens3:\n      dhcp4: true\n',
    '/etc/cloud/cloud.cfg': 'datasource_list: [ ConfigDrive, None ]\n',
  },
  present: [
    ...['/usr/sbin/update-initramfs', '/usr/sbin/mkinitramfs', '/usr/bin/systemctl', '/usr/bin/vmtoolsd'],
    ...['/boot/efi/EFI/ubuntu/shimx64.efi', '/boot/efi/EFI/ubuntu/grubx64.efi', '/boot/efi/EFI/ubuntu/mmx64.efi'],
  ],
};

const redHatReadings: GuestReadings = {
  devices: [
    ...[device('/dev/sda', ''), device('/dev/sda1', 'xfs'), device('/dev/sda2', 'LVM2_member')],
    ...[
      device('/dev/rhel/root', 'xfs', { parts: ['/dev/sda2'] }),
      device('/dev/rhel/swap', 'swap', { parts: ['/dev/sda2'] }),
    ],
  ],
  mounts: [mount('/dev/rhel/root', '/', 'xfs'), mount('/dev/sda1', '/boot', 'xfs')],
  kernels: [
    kernel('5.14.0-427.el9.x86_64', '/boot/initramfs-5.14.0-427.el9.x86_64.img', ['virtio_blk', 'xfs', 'dm_mod']),
    kernel('5.14.0-362.el9.x86_64', '/boot/initramfs-5.14.0-362.el9.x86_64.img', ['virtio_blk', 'xfs', 'dm_mod']),
  ].map((one) => ({
    ...one,
    initramfs: {
      path: one.initramfs?.path ?? '',
      size: bytes(3e7),
      modules: one.initramfs?.modules ?? [],
      programs: ['lvm'],
    },
  })),
  files: {
    '/etc/os-release':
      'NAME="Red Hat Enterprise Linux"\nPRETTY_NAME="Red Hat Enterprise Linux 9.4 (Plow)"\nID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.4"\n',
    '/etc/fstab':
      '/dev/mapper/rhel-root / xfs defaults 0 0\n/dev/vda1 /boot xfs defaults 0 0\n/dev/mapper/rhel-swap none swap defaults 0 0\n',
    '/boot/loader/entries/id-5.14.0-427.el9.x86_64.conf':
      'title RHEL\nlinux /vmlinuz-5.14.0-427.el9.x86_64\noptions root=/dev/mapper/rhel-root ro resume=/dev/mapper/rhel-swap rd.lvm.lv=rhel/root console=hvc0\n',
    '/boot/grub2/grub.cfg': 'blscfg\n',
    '/etc/kernel/cmdline': 'root=/dev/mapper/rhel-root ro console=hvc0\n',
    '/etc/lvm/devices/system.devices': 'IDTYPE=devname IDNAME=/dev/vda2 DEVNAME=/dev/vda2 PVID=x PART=2\n',
    '/etc/lvm/lvm.conf': 'devices {\n\tglobal_filter = [ "a|/dev/vda|", "r|.*|" ]\n}\n',
    '/etc/NetworkManager/system-connections/ens3.nmconnection': '[connection]\nid=ens3\ninterface-name=ens3\n',
    '/etc/selinux/config': 'SELINUX=enforcing\nSELINUXTYPE=targeted\n',
  },
  present: [
    ...['/usr/bin/dracut', '/usr/bin/systemctl', '/usr/bin/vmtoolsd', '/usr/sbin/setfiles'],
    ...['/etc/selinux/targeted/contexts/files/file_contexts', '/usr/lib/systemd/system/hypervkvpd.service'],
  ],
};

const suseReadings: GuestReadings = {
  devices: [device('/dev/sda', ''), device('/dev/sda2', 'btrfs'), device('/dev/sda3', 'swap')],
  mounts: [mount('/dev/sda2', '/', 'btrfs')],
  kernels: [kernel('6.4.0-150600.21-default', '/boot/initrd-6.4.0-150600.21-default', ['virtio_blk', 'btrfs'])].map(
    (one) => ({
      ...one,
      drivers: { ...one.drivers, btrfs: 'module' as const },
    }),
  ),
  files: {
    '/usr/lib/os-release':
      'PRETTY_NAME="SUSE Linux Enterprise Server 15 SP6"\nID="sles"\nID_LIKE="suse"\nVERSION_ID="15.6"\n',
    '/etc/fstab':
      '/dev/disk/by-path/pci-0000:00:05.0-part2 / btrfs defaults 0 0\n/dev/disk/by-id/virtio-abc-part3 swap swap defaults 0 0\n',
    '/etc/default/grub': 'GRUB_CMDLINE_LINUX_DEFAULT="resume=/dev/disk/by-id/virtio-abc-part3"\n',
    '/boot/grub2/grub.cfg':
      'linux /boot/vmlinuz-6.4.0-150600.21-default root=UUID=uuid-of-sda2 resume=/dev/disk/by-id/virtio-abc-part3\n',
    '/etc/sysconfig/network/ifcfg-ens3': "BOOTPROTO='dhcp'\n",
  },
  present: ['/usr/bin/dracut', '/usr/bin/systemctl', '/usr/bin/vmtoolsd', '/usr/sbin/wickedd'],
};

/** What is read of each guest. */
export const readings = { debian: debianReadings, ubuntu: ubuntuReadings, redHat: redHatReadings, suse: suseReadings };

/** One of them, perhaps with other files (undefined takes one away) and more. */
export function guest(
  name: keyof typeof readings,
  {
    files = {},
    ...more
  }: Partial<Omit<GuestReadings, 'files'>> & { readonly files?: Readonly<Record<string, string | undefined>> } = {},
): GuestImage {
  const base = readings[name];
  const merged = Object.entries({ ...base.files, ...files }).flatMap(([path, text]) =>
    text === undefined ? [] : [[path, text] as const],
  );
  return describeImage({ ...base, ...more, files: Object.fromEntries(merged) });
}

/** The plan for a guest that can be fixed up. */
export const planFor = (image: GuestImage, wanted: Partial<FixUpTarget> = {}): FixUpPlan =>
  valueOf(planFixUp(image, { ...target, ...wanted }));

/** The image as it is once every edit was made: files as the plan says, initramfs rebuilt with what it names. */
export function afterEdits(image: GuestImage, plan: FixUpPlan): GuestImage {
  const files: Record<string, string> = { ...image.files };
  for (const { run, path, after } of plan.edits)
    if (run === undefined) {
      if (after === undefined) delete files[path];
      else files[path] = after;
    }
  const rebuilt = new Set(plan.edits.flatMap(({ id }) => /^initramfs:(.+)$/.exec(id)?.[1] ?? []));
  const copied = plan.edits.filter(({ run }) => run?.[0] === 'cp').map(({ path }) => path);
  return describeImage({
    devices: image.devices,
    mounts: image.mounts,
    files,
    present: [...image.present, ...copied],
    kernels: image.kernels.map((one) =>
      rebuilt.has(one.version) && one.initramfs !== undefined
        ? { ...one, initramfs: { ...one.initramfs, modules: [...new Set([...one.initramfs.modules, ...general])] } }
        : one,
    ),
  });
}
