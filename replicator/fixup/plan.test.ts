import { describe, expect, it } from 'vitest';
import type { FixUpPlan } from '#core/ports/fix-up';
import { bytes } from '#core/units';
import { afterEdits, device, guest, kernel, planFor, readings, target } from '#test/support/guest-samples';
import { planFixUp } from './plan.ts';
import { verifyImage } from './verify.ts';

const after = ({ edits }: FixUpPlan, path: string): string | undefined => {
  const edit = edits.find((one) => one.path === path);
  if (edit === undefined) throw new Error(`no edit of ${path} among ${edits.map((one) => one.path).join(' ')}`);
  return edit.after;
};
const runs = ({ edits }: FixUpPlan): readonly string[] =>
  edits.flatMap(({ run }) => (run === undefined ? [] : [run.join(' ')]));
const failing = (checks: ReturnType<typeof verifyImage>) =>
  checks.filter(({ verdict }) => verdict === 'failed').map(({ id }) => id);
const families = ['debian', 'ubuntu', 'redHat', 'suse'] as const;

describe.each(families)('a plan for %s', (name) => {
  const image = guest(name);
  const plan = planFor(image, { stage: '{"stage":"test"}\n' });

  it('says of every edit what and why, and keeps every original', () => {
    for (const edit of plan.edits) {
      expect(edit.what, edit.id).not.toBe('');
      expect(edit.why, edit.id).not.toBe('');
      expect(edit.keeps, edit.id).toBe(edit.before === undefined ? undefined : `/var/lib/sealift/before${edit.path}`);
    }
    expect(new Set(plan.edits.map(({ id }) => id)).size).toBe(plan.edits.length);
  });

  it('has no edits once they were made', () => {
    expect(planFor(afterEdits(image, plan), { stage: '{"stage":"test"}\n' }).edits).toEqual([]);
  });

  it('makes the image pass what it failed before', () => {
    expect(failing(verifyImage(image, plan))).not.toEqual([]);
    expect(failing(verifyImage(afterEdits(image, plan), plan))).toEqual([]);
  });

  it('is the same for the same image', () => {
    expect(planFor(guest(name), { stage: '{"stage":"test"}\n' })).toEqual(plan);
  });
});

describe('Debian with initramfs-tools', () => {
  const plan = planFor(guest('debian'));

  it('names devices by what is on them, and leaves the rest of fstab as it was', () => {
    expect(after(plan, '/etc/fstab')).toBe(
      '# made by the installer\nUUID=uuid-of-sda1  /     ext4  errors=remount-ro 0 1\nUUID=uuid-of-sda2  none  swap  sw 0 0\n/dev/data/var /srv xfs defaults 0 2\n',
    );
    expect(after(plan, '/etc/initramfs-tools/conf.d/resume')).toBe('RESUME=UUID=uuid-of-sda2\n');
  });

  it('tells the kernel its root by id, in what is booted and in what that is made from', () => {
    expect(after(plan, '/boot/grub/grub.cfg')).toBe(
      "set root='hd0,msdos1'\nlinux /boot/vmlinuz-6.1.0-25-amd64 root=UUID=uuid-of-sda1 ro resume=UUID=uuid-of-sda2 \n",
    );
    expect(after(plan, '/etc/default/grub')).toBe(
      'GRUB_CMDLINE_LINUX="root=UUID=uuid-of-sda1 quiet"\n# GRUB_DISABLE_LINUX_UUID=true\n',
    );
    expect(after(plan, '/boot/grub/device.map')).toBeUndefined();
  });

  it('names the drivers for good, and rebuilds the initramfs after everything that goes into it', () => {
    expect(after(plan, '/etc/initramfs-tools/modules')).toBe(
      '# List of modules\nvirtio_blk\next4\n# Added by Sealift: the virtual hardware of vSphere.\nvmw_pvscsi\nsd_mod\nvmxnet3\nmptsas\nmpt3sas\nahci\nnvme\ne1000e\n',
    );
    expect(runs(plan)).toEqual(['update-initramfs -u -k 6.1.0-25-amd64']);
    expect(plan.edits.at(-1)?.id).toBe('initramfs:6.1.0-25-amd64');
    expect(plan.edits.map(({ path }) => path)).not.toContain('/etc/initramfs-tools/conf.d/zz-sealift');
  });

  it('rebuilds when only the image lacks a driver', () => {
    const image = afterEdits(guest('debian'), plan);
    const stale = { ...image, kernels: [kernel('6.1.0-25-amd64', '/boot/initrd.img-6.1.0-25-amd64')] };
    expect(planFor(stale).edits.map(({ id }) => id)).toEqual(['initramfs:6.1.0-25-amd64']);
  });

  it('rebuilds when nothing but the name of a NIC goes into it', () => {
    const image = afterEdits(guest('debian'), plan);
    const named = planFor(image, { nics: [...target.nics, { mac: '52:54:00:00:00:02', name: 'ens4' }] });
    expect(named.edits.map(({ path }) => path)).toEqual([
      '/etc/systemd/network/10-sealift-ens4.link',
      '/boot/initrd.img-6.1.0-25-amd64',
    ]);
  });

  it('does not rebuild for networks that are looked for when the guest is up', () => {
    const image = afterEdits(guest('debian'), plan);
    const path = '/etc/systemd/network/a.network';
    const files = { ...image.files, [path]: '[Match]\nDriver=virtio_net\n' };
    expect(planFor({ ...image, files }).edits.map((edit) => edit.path)).toEqual([path]);
    const red = guest('redHat', { files: { [path]: '[Match]\nDriver=virtio_net\n' } });
    expect(after(planFor(red), '/etc/dracut.conf.d/50-sealift.conf')).not.toContain('a.network');
  });

  it('makes an initramfs where there is none', () => {
    const [first] = readings.debian.kernels;
    const { initramfs: _, ...bare } = first ?? kernel('x', 'y');
    expect(runs(planFor(guest('debian', { kernels: [bare] })))).toEqual(['update-initramfs -c -k 6.1.0-25-amd64']);
  });

  it('tells the sentinel on the replica what it is there for, and says when there is none', () => {
    const staged = planFor(guest('debian'), { stage: '{}\n' });
    expect(after(staged, '/var/lib/sealift/stage.json')).toBe('{}\n');
    expect(staged.findings.map(({ id }) => id)).toContain('stage:sentinel');
    const unit = '/etc/systemd/system/sealift-sentinel.service';
    const installed = guest('debian', { present: [...readings.debian.present, unit] });
    expect(planFor(installed, { stage: '{}\n' }).findings.map(({ id }) => id)).not.toContain('stage:sentinel');
    expect(plan.edits.map(({ path }) => path)).not.toContain('/var/lib/sealift/stage.json');
  });

  it('keeps the names of NICs by their address', () => {
    expect(after(plan, '/etc/systemd/network/10-sealift-ens3.link')).toContain(
      'MACAddress=52:54:00:12:34:56\n\n[Link]\nName=ens3\n',
    );
  });

  it('writes rules of udev where there is no systemd', () => {
    const old = guest('debian', { present: readings.debian.present.filter((path) => !path.endsWith('systemctl')) });
    expect(after(planFor(old), '/etc/udev/rules.d/70-persistent-net.rules')).toContain(
      'ATTR{address}=="52:54:00:12:34:56", NAME="ens3"',
    );
  });

  it('keeps agents of the old hypervisor from starting, and nothing else', () => {
    const masked = plan.edits.filter(({ path }) => path.startsWith('/etc/systemd/system/'));
    expect(masked.map(({ path, after: text }) => [path, text])).toEqual([
      ['/etc/systemd/system/qemu-guest-agent.service', ''],
      ['/etc/systemd/system/spice-vdagentd.socket', ''],
    ]);
  });

  it('loads the drivers of the new hardware under old aliases, and lets them load', () => {
    expect(after(plan, '/etc/modprobe.d/net.conf')).toBe(
      'alias eth0 vmxnet3\nalias scsi_hostadapter vmw_pvscsi\n# blacklist vmxnet3\nblacklist pcspkr\n',
    );
    expect(after(plan, '/etc/chrony/chrony.conf')).toBe(
      'pool pool.ntp.org iburst\n# refclock PHC /dev/ptp_kvm poll 2\n',
    );
  });

  it('fits the target: LSI SAS and e1000e', () => {
    const other = planFor(guest('debian'), { controller: 'lsisas', nicModel: 'e1000e' });
    expect(after(other, '/etc/initramfs-tools/modules')).toContain('\nmptsas\nsd_mod\ne1000e\n');
    expect(after(other, '/etc/modprobe.d/net.conf')).toContain('alias scsi_hostadapter mptsas\n');
  });

  it('says what it cannot place, and leaves it as it is', () => {
    const unknown = guest('debian', {
      files: {
        '/etc/fstab': '/dev/vda1 / ext4 x 0 1\n/dev/vdz9 /data ext4 defaults 0 2\n/dev/vdy1 /more ext4 nofail 0 2\n',
      },
    });
    const { findings, ...other } = planFor(unknown);
    expect(findings.filter(({ id }) => id.startsWith('fstab:')).map(({ id, verdict }) => [id, verdict])).toEqual([
      ['fstab:/data', 'failed'],
      ['fstab:/more', 'warning'],
    ]);
    expect(after({ ...other, findings }, '/etc/fstab')).toContain('/dev/vdz9 /data');
  });

  it('does not take a device for another one because of its name', () => {
    const swapped = guest('debian', {
      files: { '/etc/fstab': '/dev/vda1 / ext4 x 0 1\n/dev/vda2 /data ext4 defaults 0 2\n' },
    });
    expect(planFor(swapped).findings).toContainEqual(expect.objectContaining({ id: 'fstab:/data', verdict: 'failed' }));
  });

  it('edits lines of crypttab and units of systemd too', () => {
    const image = guest('debian', {
      devices: [...readings.debian.devices, device('/dev/sdb2', 'crypto_LUKS')],
      files: {
        '/etc/crypttab': '# name device\nsecret /dev/vdb2 none luks,discard\nother UUID=1 none\n',
        '/etc/systemd/system/srv-x.mount': '[Mount]\nWhat=/dev/vda1\nWhere=/srv/x\n',
        '/etc/mdadm/mdadm.conf':
          'DEVICE /dev/vda* /dev/vdb*\nARRAY /dev/md0 metadata=1.2 UUID=1:2 devices=/dev/vda3,/dev/vdb3\n',
      },
    });
    const made = planFor(image);
    expect(after(made, '/etc/crypttab')).toBe(
      '# name device\nsecret UUID=uuid-of-sdb2 none luks,discard\nother UUID=1 none\n',
    );
    expect(after(made, '/etc/systemd/system/srv-x.mount')).toContain('What=/dev/disk/by-uuid/uuid-of-sda1\n');
    expect(after(made, '/etc/mdadm/mdadm.conf')).toBe('DEVICE partitions\nARRAY /dev/md0 metadata=1.2 UUID=1:2\n');
    expect(made.findings).toContainEqual(expect.objectContaining({ id: 'locked:/dev/sdb2', verdict: 'warning' }));
  });

  it('says that there is too little room before anything is begun', () => {
    const full = guest('debian', {
      mounts: [{ device: '/dev/sda1', mountpoint: '/', type: 'ext4', free: bytes(1e6) }],
    });
    expect(planFor(full).findings).toContainEqual(expect.objectContaining({ id: 'room:/', verdict: 'failed' }));
  });

  it('keeps the environment of GRUB exactly as long as it is', () => {
    const text = `# GRUB Environment Block\nkernelopts=root=/dev/vda1 ro\n`.padEnd(1024, '#');
    const edited = after(planFor(guest('debian', { files: { '/boot/grub/grubenv': text } })), '/boot/grub/grubenv');
    expect(edited).toHaveLength(1024);
    expect(edited).toContain('kernelopts=root=UUID=uuid-of-sda1 ro\n#');
  });
});

describe('Ubuntu', () => {
  const plan = planFor(guest('ubuntu'));

  it('packs most modules where only those of the old machine would be', () => {
    expect(after(plan, '/etc/initramfs-tools/conf.d/zz-sealift')).toContain('MODULES=most\n');
    expect(runs(plan)).toContain('update-initramfs -u -k 6.8.0-45-generic');
  });

  it('keeps cloud-init from taking the moved machine for a new one', () => {
    const text = after(plan, '/etc/cloud/cloud.cfg.d/99-sealift.cfg');
    expect(text).toContain('network: {config: disabled}\n');
    expect(text).toContain('ssh_deletekeys: false\n');
    const disabled = guest('ubuntu', { present: [...readings.ubuntu.present, '/etc/cloud/cloud-init.disabled'] });
    expect(planFor(disabled).edits.map(({ path }) => path)).not.toContain('/etc/cloud/cloud.cfg.d/99-sealift.cfg');
  });

  it('puts a loader where a firmware that knows nothing looks, with what it starts', () => {
    expect(guest('ubuntu').firmware).toBe('uefi');
    expect(runs(plan).filter((run) => run.startsWith('cp '))).toEqual([
      'cp /boot/efi/EFI/ubuntu/shimx64.efi /boot/efi/EFI/BOOT/BOOTX64.EFI',
      'cp /boot/efi/EFI/ubuntu/grubx64.efi /boot/efi/EFI/BOOT/grubx64.efi',
      'cp /boot/efi/EFI/ubuntu/mmx64.efi /boot/efi/EFI/BOOT/mmx64.efi',
    ]);
  });

  it('leaves what is named by label as it is', () => {
    expect(plan.edits.map(({ path }) => path)).not.toContain('/etc/fstab');
    expect(plan.edits.map(({ path }) => path)).not.toContain('/boot/grub/grub.cfg');
  });
});

describe('Red Hat Enterprise Linux 9', () => {
  const plan = planFor(guest('redHat'));

  it('writes a drop-in of dracut with blanks around its words, and rebuilds every kernel', () => {
    expect(after(plan, '/etc/dracut.conf.d/50-sealift.conf')).toBe(
      '# Written by Sealift: the virtual hardware of vSphere.\nadd_drivers+=" vmw_pvscsi sd_mod vmxnet3 mptsas mpt3sas ahci nvme e1000e "\ninstall_items+=" /etc/systemd/network/10-sealift-ens3.link "\n',
    );
    expect(runs(plan).slice(0, 2)).toEqual([
      'dracut --force /boot/initramfs-5.14.0-427.el9.x86_64.img 5.14.0-427.el9.x86_64',
      'dracut --force /boot/initramfs-5.14.0-362.el9.x86_64.img 5.14.0-362.el9.x86_64',
    ]);
  });

  it('edits entries of the boot loader specification', () => {
    const entry = '/boot/loader/entries/id-5.14.0-427.el9.x86_64.conf';
    expect(after(plan, entry)).toBe(
      'title RHEL\nlinux /vmlinuz-5.14.0-427.el9.x86_64\noptions root=/dev/mapper/rhel-root ro resume=/dev/mapper/rhel-swap rd.lvm.lv=rhel/root \n',
    );
    expect(after(plan, '/etc/kernel/cmdline')).toBe('root=/dev/mapper/rhel-root ro \n');
  });

  it('forgets disks LVM knows by old ids, and filters by old names', () => {
    expect(after(plan, '/etc/lvm/devices/system.devices')).toBeUndefined();
    expect(after(plan, '/etc/lvm/lvm.conf')).toContain('\t# global_filter = [ "a|/dev/vda|", "r|.*|" ]\n');
    expect(after(plan, '/etc/fstab')).toContain('/dev/mapper/rhel-root / xfs');
    expect(after(plan, '/etc/fstab')).toContain('UUID=uuid-of-sda1 /boot xfs');
  });

  it('labels what it made, last of all', () => {
    const last = plan.edits.at(-1);
    expect(last?.id).toBe('selinux:labels');
    expect(last?.run).toEqual(
      expect.arrayContaining(['setfiles', '/etc/fstab', '/boot/initramfs-5.14.0-427.el9.x86_64.img']),
    );
  });

  it('has everything labelled at boot where it cannot be done now', () => {
    const bare = guest('redHat', { present: ['/usr/bin/dracut', '/usr/bin/systemctl'] });
    expect(planFor(bare).edits.at(-1)).toMatchObject({ path: '/.autorelabel', after: '' });
  });

  it('leaves a kernel without the drivers as it is, and says so', () => {
    const [first] = readings.redHat.kernels;
    const old = { ...(first ?? kernel('x', 'y')), version: '5.13.0', drivers: { xfs: 'module' as const } };
    const image = guest('redHat', { kernels: [...readings.redHat.kernels, old] });
    const made = planFor(image);
    expect(runs(made).join(' ')).not.toContain('5.13.0');
    expect(made.findings).toContainEqual(expect.objectContaining({ id: 'kernel:5.13.0', verdict: 'warning' }));
  });
});

describe('SUSE', () => {
  const plan = planFor(guest('suse'));

  it('places by-path and by-id names on its only disk', () => {
    expect(after(plan, '/etc/fstab')).toBe(
      'UUID=uuid-of-sda2 / btrfs defaults 0 0\nUUID=uuid-of-sda3 swap swap defaults 0 0\n',
    );
    expect(after(plan, '/etc/default/grub')).toBe('GRUB_CMDLINE_LINUX_DEFAULT="resume=UUID=uuid-of-sda3"\n');
  });

  it('does not guess between several disks', () => {
    const image = guest('suse', { devices: [...readings.suse.devices, device('/dev/sdb', '')] });
    const made = planFor(image);
    // The root is known by what is in it, whatever it is called.
    expect(after(made, '/etc/fstab')).toContain('UUID=uuid-of-sda2 / btrfs');
    expect(after(made, '/etc/fstab')).toContain('/dev/disk/by-id/virtio-abc-part3 swap');
    expect(made.findings).toContainEqual(expect.objectContaining({ id: 'fstab:swap', verdict: 'warning' }));
  });

  it('calls its initramfs as SUSE does', () => {
    expect(runs(plan)).toEqual(['dracut --force /boot/initrd-6.4.0-150600.21-default 6.4.0-150600.21-default']);
  });
});

describe('refusals', () => {
  const refused = (image: ReturnType<typeof guest>) => {
    const planned = planFixUp(image, target);
    return planned.ok ? 'planned' : planned.error;
  };

  it('refuses a system it does not know, by its name', () => {
    const gentoo = guest('debian', { files: { '/etc/os-release': 'ID=gentoo\nPRETTY_NAME="Gentoo Linux"\n' } });
    expect(refused(gentoo)).toMatchObject({ type: 'Unsupported', what: 'Gentoo Linux' });
    expect(refused(guest('debian', { files: { '/etc/os-release': undefined } }))).toMatchObject({
      type: 'Unsupported',
    });
  });

  it('takes a system that says it is like one it knows', () => {
    const mint = guest('debian', { files: { '/etc/os-release': 'ID=linuxmint\nID_LIKE="ubuntu debian"\n' } });
    expect(planFor(mint).guest.family).toBe('debian');
    const old = guest('redHat', {
      files: { '/etc/os-release': undefined, '/etc/redhat-release': 'CentOS release 6.10 (Final)\n' },
    });
    expect(planFor(old).guest).toMatchObject({ family: 'redhat', name: 'CentOS release 6.10 (Final)' });
  });

  it('refuses a kernel without the drivers and says what to do', () => {
    const cloud = { ...kernel('6.1.0-25-cloud-amd64', '/boot/x'), drivers: { virtio_blk: 'module' as const } };
    expect(refused(guest('debian', { kernels: [cloud] }))).toMatchObject({
      type: 'Unsupported',
      what: 'kernel 6.1.0-25-cloud-amd64',
      detail: expect.stringContaining('install linux-image-amd64') as string,
    });
    // The highest version is what is started.
    expect(refused(guest('debian', { kernels: [cloud, ...readings.debian.kernels] }))).toMatchObject({
      detail: expect.stringContaining('6.1.0-25-amd64 would do') as string,
    });
  });

  it('refuses an initramfs it cannot make, no kernel, and a hibernated guest', () => {
    expect(refused(guest('debian', { present: ['/usr/bin/mkinitcpio'] }))).toMatchObject({
      detail: expect.stringContaining('mkinitcpio') as string,
    });
    expect(refused(guest('debian', { kernels: [] }))).toMatchObject({ type: 'Unsupported' });
    expect(
      refused(guest('debian', { devices: [...readings.debian.devices, device('/dev/sda3', 'swsuspend')] })),
    ).toMatchObject({
      what: 'a hibernated guest',
    });
  });
});
