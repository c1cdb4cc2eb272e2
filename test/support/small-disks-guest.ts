import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { FixUpDisk } from '#core/ports/fix-up';
import { cpioArchive } from '#replicator/connectors/laboratory/cpio';
import { applianceKernel } from '#replicator/connectors/laboratory/kernel';
import { openSession } from '#replicator/fixup/guestfish';
import { locate } from './programs.ts';
import { valueOf } from './value-of.ts';

/** Kernels of the guest below. The older one was built without what the target needs. */
export const smallGuestKernel = '6.1.0-9-amd64';

/**
 * What a guest's initramfs-tools do, as far as a fix-up sees it: packs the modules that are named, and what a root on LVM
 * needs. It is a program of the guest, run in the guest's tree.
 */
const updateInitramfs = `#!/bin/busybox sh
set -e
PATH=/bin
version="$3"
work=/tmp/initramfs
rm -rf $work; mkdir -p $work/sbin
cp /sbin/lvm $work/sbin/lvm
for name in $(sed 's/#.*//' /etc/initramfs-tools/modules); do
  find /lib/modules/$version -name "$name.ko" | while read -r file; do
    mkdir -p "$work/$(dirname "$file")"; cp "$file" "$work/$file"
  done
done
(cd $work && find . | cpio -o -H newc) | gzip > /boot/initrd.img-$version.new
mv /boot/initrd.img-$version.new /boot/initrd.img-$version
`;

const drivers = ['scsi/vmw_pvscsi', 'scsi/sd_mod', 'net/vmxnet3', 'block/virtio_blk', 'fs/ext4', 'fs/xfs', 'md/dm_mod'];
const moduleFile = (name: string): string => `kernel/${name}.ko`;
const without = (names: readonly string[]): readonly string[] => drivers.filter((name) => !names.includes(name));

/** Files of the guest, and how they may be used. */
function treeOf(rootUuid: string): Readonly<Record<string, string | Uint8Array>> {
  const old = '5.10.0-1-cloud-amd64';
  const packed = ['block/virtio_blk', 'fs/ext4', 'md/dm_mod'].map(
    (name) => `lib/modules/${smallGuestKernel}/${moduleFile(name)}`,
  );
  const listOf = (names: readonly string[]): string => names.map((name) => `${moduleFile(name)}:\n`).join('');
  return {
    'etc/os-release': 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (small)"\n',
    'etc/hostname': 'small\n',
    'etc/fstab':
      '/dev/mapper/guest-root / ext4 defaults 0 1\n/dev/vda1 /boot ext4 defaults 0 2\n/dev/vdb /srv xfs defaults 0 2\n',
    'etc/initramfs-tools/initramfs.conf': 'MODULES=list\n',
    'etc/initramfs-tools/modules': 'virtio_blk\next4\ndm_mod\n',
    'etc/network/interfaces': 'auto ens3\niface ens3 inet dhcp\n',
    'etc/systemd/network/20-any.network': '# any virtio NIC\n[Match]\nDriver=virtio_net\n',
    'etc/systemd/network/20-any.network.d/dhcp.conf': '[Network]\nDHCP=yes\n',
    'etc/systemd/system/hv-kvp-daemon.service': '[Service]\nExecStart=/sbin/hv_kvp\n',
    'boot/grub/grub.cfg': `linux /vmlinuz-${smallGuestKernel} root=/dev/mapper/guest-root ro resume=/dev/vdc9 console=hvc0\nsearch --fs-uuid ${rootUuid}\n`,
    [`boot/vmlinuz-${smallGuestKernel}`]: 'a kernel\n',
    [`boot/vmlinuz-${old}`]: 'an old kernel\n',
    [`boot/initrd.img-${smallGuestKernel}`]: gzipSync(
      cpioArchive(packed.map((path) => ({ type: 'file', path, content: new Uint8Array([1]) }))),
    ),
    [`lib/modules/${smallGuestKernel}/modules.dep`]: listOf(drivers),
    [`lib/modules/${smallGuestKernel}/modules.builtin`]: '',
    [`lib/modules/${old}/modules.dep`]: listOf(without(['scsi/vmw_pvscsi', 'net/vmxnet3'])),
    ...Object.fromEntries(drivers.map((name) => [`lib/modules/${smallGuestKernel}/${moduleFile(name)}`, `${name}\n`])),
    'lib/systemd/system/qemu-guest-agent.service': '[Service]\nExecStart=/usr/sbin/qemu-ga\n',
  };
}

const programs: Readonly<Record<string, string>> = {
  'usr/sbin/update-initramfs': updateInitramfs,
  'usr/sbin/mkinitramfs': '#!/bin/busybox sh\n',
  'usr/bin/systemctl': '#!/bin/busybox sh\n',
  'sbin/lvm': '#!/bin/busybox sh\n',
};
const applets = ['sh', 'sed', 'uname', 'date', 'mkdir', 'dirname', 'cp', 'cpio', 'gzip', 'mv', 'rm', 'false'];

/**
 * A guest as small as one can be that has all a fix-up looks at: GPT, /boot on a partition, the root on LVM, xfs on a whole
 * second disk, named as virtio names them. Its kernels are no kernels, its programs are real.
 */
export async function makeSmallGuest(folder: string): Promise<readonly FixUpDisk[]> {
  const [first, second] = [join(folder, 'disk0.raw'), join(folder, 'disk1.raw')];
  for (const [path, size] of [
    [first, 160],
    [second, 320],
  ] as const) {
    writeFileSync(path, '');
    truncateSync(path, size * 2 ** 20);
  }
  execFileSync(locate('mkfs.xfs') ?? 'mkfs.xfs', ['-q', second]);
  const tree = join(folder, 'tree');
  writeTree(tree);
  const disks: readonly FixUpDisk[] = [
    { path: first, format: 'raw' },
    { path: second, format: 'raw' },
  ];
  const session = valueOf(await openSession(disks, { writable: true, environment: await applianceKernel() }));
  const commands = [
    ['part-init', '/dev/sda', 'gpt'],
    ['part-add', '/dev/sda', 'p', '2048', '67583'],
    ['part-add', '/dev/sda', 'p', '67584', '-2048'],
    ['pvcreate', '/dev/sda2'],
    ['vgcreate', 'guest', '/dev/sda2'],
    ['lvcreate-free', 'root', 'guest', '100'],
    ['mkfs', 'ext4', '/dev/sda1'],
    ['mkfs', 'ext4', '/dev/guest/root'],
    ['mount', '/dev/guest/root', '/'],
    ['mkdir', '/boot'],
    ['mkdir', '/srv'],
    ['mount', '/dev/sda1', '/boot'],
    ...['bin', 'boot', 'etc', 'lib', 'lib64', 'sbin', 'usr', 'tmp', 'var'].map((name) => [
      'copy-in',
      join(tree, name),
      '/',
    ]),
    // It ran on for an hour after it was installed: what is in it has long been written.
    ['sh', `date -s @${Math.round(Date.now() / 1_000) + 3_600} && echo up > /var/log/messages`],
    ['umount-all'],
  ] as const;
  for (const answer of await session.runAll(commands)) valueOf(answer);
  valueOf(await session.close());
  return disks;
}

function writeTree(tree: string): void {
  const write = (path: string, content: string | Uint8Array, mode: number): void => {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), content, { mode });
  };
  for (const [path, content] of Object.entries(treeOf('an-id'))) write(path, content, 0o644);
  for (const [path, content] of Object.entries(programs)) write(path, content, 0o755);
  for (const name of ['tmp', 'bin', 'lib64', 'var/log']) mkdirSync(join(tree, name), { recursive: true });
  cpSync(locate('busybox') ?? 'busybox', join(tree, 'bin', 'busybox'));
  for (const name of applets) symlinkSync('busybox', join(tree, 'bin', name));
  copyProgram(tree, 'find');
}

/** A program of this machine with the libraries it is linked to: busybox has no `find` that prints times. */
function copyProgram(tree: string, name: string): void {
  const from = locate(name) ?? name;
  const libraries = execFileSync('ldd', [from], { encoding: 'utf8' }).matchAll(/(?:=> )?(\/\S+) \(0x/g);
  for (const [path, to] of [
    [from, `/bin/${name}`] as const,
    // The loader has a name in /lib64 that it is known by; all others are found in /lib.
    ...Array.from(libraries, ([, path = '']) => [path, path.replace(/^\/usr\//, '/')] as const),
  ]) {
    mkdirSync(dirname(join(tree, to)), { recursive: true });
    cpSync(path, join(tree, to), { dereference: true });
  }
}
