import { describe, expect, it } from 'vitest';
import type { Check } from '#core/migration/facts';
import type { FixUpPlan, GuestImage } from '#core/ports/fix-up';
import { bytes } from '#core/units';
import { afterEdits, device, guest, planFor, readings } from '#test/support/guest-samples';
import { verifyImage } from './verify.ts';

const plan = planFor(guest('debian'));
const fixed = afterEdits(guest('debian'), plan);
const failing = (image: GuestImage, made: FixUpPlan = plan): readonly string[] =>
  verifyImage(image, made)
    .filter(({ verdict }) => verdict === 'failed')
    .map(({ id }) => id);
const saying = (image: GuestImage, id: string): Check | undefined =>
  verifyImage(image, plan).find((check) => check.id === id);
const withFiles = (image: GuestImage, files: Readonly<Record<string, string>>): GuestImage => ({
  ...image,
  files: { ...image.files, ...files },
});
const packing = (image: GuestImage, modules: readonly string[], programs: readonly string[] = []): GuestImage => ({
  ...image,
  kernels: image.kernels.map((kernel) => ({
    ...kernel,
    initramfs: { path: '/boot/initrd', size: bytes(1), modules, programs },
  })),
});
const complete = ['vmw_pvscsi', 'sd_mod', 'ext4', 'xfs', 'dm_mod', 'md_mod'];

describe('verifyImage', () => {
  it('passes what was fixed up, with a sentence for each thing it looked at', () => {
    const checks = verifyImage(fixed, plan);
    expect(checks.filter(({ verdict }) => verdict !== 'passed')).toEqual([]);
    expect(checks.map(({ id }) => id)).toEqual(['edits', 'initramfs:6.1.0-25-amd64', 'tables', 'boot', 'network:ens3']);
  });

  it.each(['vmw_pvscsi', 'sd_mod', 'ext4'])('fails an initramfs without %s', (name) => {
    const image = packing(
      fixed,
      complete.filter((one) => one !== name),
    );
    expect(saying(image, 'initramfs:6.1.0-25-amd64')).toMatchObject({
      verdict: 'failed',
      message: expect.stringContaining(name) as string,
    });
  });

  it('takes a driver that is built into the kernel', () => {
    const image = packing(fixed, ['vmw_pvscsi', 'sd_mod']);
    const builtin = {
      ...image,
      kernels: image.kernels.map((one) => ({ ...one, drivers: { ...one.drivers, ext4: 'builtin' as const } })),
    };
    expect(failing(builtin)).toEqual([]);
  });

  it('fails a kernel that has no driver for the target, and warns of one that is not the first', () => {
    const [kernel] = fixed.kernels;
    if (kernel === undefined) throw new Error('the sample has a kernel');
    const cloud = { ...kernel, version: '6.1.0-25-cloud-amd64', drivers: { ext4: 'module' as const } };
    expect(failing({ ...fixed, kernels: [cloud, kernel] })).toEqual(['initramfs:6.1.0-25-cloud-amd64']);
    expect(saying({ ...fixed, kernels: [kernel, cloud] }, 'initramfs:6.1.0-25-cloud-amd64')).toMatchObject({
      verdict: 'warning',
      message: 'kernel 6.1.0-25-cloud-amd64 was built without vmw_pvscsi, sd_mod, vmxnet3',
    });
    expect(failing({ ...fixed, kernels: [] })).toEqual(['kernel']);
  });

  it('fails a kernel without an initramfs', () => {
    const bare = {
      ...fixed,
      kernels: fixed.kernels.map(({ version, image, drivers }) => ({ version, image, drivers })),
    };
    expect(failing(bare)).toEqual(['initramfs:6.1.0-25-amd64']);
  });

  it('wants the driver of the controller that the plan is for', () => {
    const forLsi = planFor(guest('debian'), { controller: 'lsisas' });
    const image = packing(afterEdits(guest('debian'), forLsi), complete);
    expect(failing(image, forLsi)).toEqual(['initramfs:6.1.0-25-amd64']);
    expect(failing(packing(image, [...complete, 'mptsas']), forLsi)).toEqual([]);
  });

  it('wants what a root on LVM needs, and what an array under it needs', () => {
    const made = planFor(guest('redHat'));
    const image = afterEdits(guest('redHat'), made);
    expect(failing(packing(image, complete, ['lvm']), made)).toEqual([]);
    expect(
      failing(
        packing(
          image,
          complete.filter((name) => name !== 'dm_mod'),
          ['lvm'],
        ),
        made,
      ),
    ).toHaveLength(2);
    expect(failing(packing(image, complete, []), made)).toHaveLength(2);
    const devices = image.devices.map((one) =>
      one.name === '/dev/rhel/root' ? { ...one, parts: ['/dev/md127'] } : one,
    );
    const onArray = { ...image, devices: [...devices, device('/dev/md127', 'LVM2_member', { kind: 'md' })] };
    expect(failing(packing(onArray, complete, ['lvm']), made)).toHaveLength(2);
    const kernels = onArray.kernels.map((one) => ({ ...one, drivers: { ...one.drivers, md_mod: 'module' as const } }));
    expect(failing(packing({ ...onArray, kernels }, complete, ['lvm', 'mdadm']), made)).toEqual([]);
  });

  it('fails an edit that is not in the image', () => {
    const modules = '/etc/initramfs-tools/modules';
    expect(failing(withFiles(fixed, { [modules]: 'other\n' }))).toEqual([`edit:initramfs-tools:${modules}`]);
  });

  it('fails names in fstab and crypttab that are on no disk', () => {
    const table = (text: string): GuestImage => withFiles(fixed, { '/etc/fstab': text });
    const empty = { ...plan, edits: [] };
    expect(failing(table('UUID=nowhere / ext4 x 0 1\n'), empty)).toEqual(['fstab:/']);
    expect(failing(table('/dev/vda1 / ext4 x 0 1\n'), empty)).toEqual(['fstab:/']);
    expect(failing(table('UUID=nowhere /data ext4 nofail 0 1\n'), empty)).toEqual([]);
    expect(failing(table('tmpfs /tmp tmpfs x 0 0\nhost:/x /x nfs x 0 0\nLABEL=no /l ext4 x 0 0\n'), empty)).toEqual([
      'fstab:/l',
    ]);
    expect(failing(withFiles(fixed, { '/etc/crypttab': 'secret UUID=nowhere none\n' }), empty)).toEqual([
      'crypttab:secret',
    ]);
  });

  it('fails a boot loader that names another root', () => {
    const grub = '/boot/grub/grub.cfg';
    const empty = { ...plan, edits: [] };
    expect(failing(withFiles(fixed, { [grub]: 'linux /v root=UUID=uuid-of-sda2 ro\n' }), empty)).toEqual([
      `boot:${grub}`,
    ]);
    expect(failing(withFiles(fixed, { [grub]: 'linux /v root=/dev/vda1 ro\n' }), empty)).toEqual([`boot:${grub}`]);
    expect(failing(withFiles(fixed, { [grub]: "set root='hd0,msdos1'\n# linux /v root=/dev/vda1\n" }), empty)).toEqual(
      [],
    );
  });

  it('warns of a NIC that no configuration is for', () => {
    const image = withFiles(fixed, { '/etc/network/interfaces': 'auto eth7\niface eth7 inet dhcp\n' });
    expect(saying(image, 'network:ens3')).toMatchObject({ verdict: 'warning' });
  });

  it('fails a firmware that finds no loader', () => {
    const made = planFor(guest('ubuntu'));
    const image = afterEdits(guest('ubuntu'), made);
    expect(failing(image, made)).toEqual([]);
    expect(failing({ ...image, present: readings.ubuntu.present }, made)).toEqual(['uefi']);
  });
});
