import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Check } from '#core/migration/facts';
import type { FixUpDisk, FixUpPlan, FixUpTarget, GuestImage, PreparedUse } from '#core/ports/fix-up';
import { minutes, seconds } from '#core/units';
import { applyCommand, undoCommand, verifyCommand } from '#replicator/fixup/apply-command';
import { libguestfsFixUp } from '#replicator/fixup/fix-up';
import { openSession } from '#replicator/fixup/guestfish';
import { overlayOf } from '#replicator/fixup/overlays';
import { planFixUp } from '#replicator/fixup/plan';
import { verifyImage } from '#replicator/fixup/verify';
import { needs } from '#test/support/programs';
import { applianceKernel } from '#replicator/connectors/laboratory/kernel';
import { makeSmallGuest, smallGuestKernel } from '#test/support/small-disks-guest';
import { valueOf } from '#test/support/value-of';

const programs = needs('guestfish', 'qemu-img', 'qemu-system-x86_64', 'mkfs.xfs', 'busybox', 'linux-kernel');
// The appliance is emulated: half a minute a start on an idle machine, and minutes on a busy one.
const patience = { timeout: minutes(15) };

const target: FixUpTarget = {
  controller: 'pvscsi',
  nicModel: 'vmxnet3',
  nics: [{ mac: '52:54:00:12:34:56', name: 'ens3' }],
  stage: '{"stage":"test","migration":"m-1","checks":[]}\n',
};

async function digestOf(disks: readonly FixUpDisk[]): Promise<string> {
  const hash = createHash('sha256');
  for (const { path } of disks) for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}
const ids = (checks: readonly Check[], verdict: Check['verdict']): readonly string[] =>
  checks.filter((check) => check.verdict === verdict).map(({ id }) => id);

describe.skipIf(!programs.available)(programs.title('fix-up of disks with GPT, LVM and xfs'), () => {
  let folder: string;
  let disks: readonly FixUpDisk[];
  let before: string;
  let image: GuestImage;
  let plan: FixUpPlan;
  let session: { readonly environment: Readonly<Record<string, string>> };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sealift-'));
    session = { environment: await applianceKernel() };
    disks = await makeSmallGuest(folder);
    before = await digestOf(disks);
    image = valueOf(await libguestfsFixUp(session).inspect(disks));
    plan = valueOf(planFixUp(image, target));
  }, minutes(15));
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('finds the root by what is in it, and what it is made of', () => {
    expect(image).toMatchObject({
      os: { family: 'debian', version: '12' },
      firmware: 'bios',
      bootLoader: 'grub2',
      initramfsSystem: 'initramfs-tools',
      networkSystems: ['eni', 'networkd'],
      oldAgents: ['hv-kvp-daemon', 'qemu-guest-agent'],
      mounts: [
        { device: '/dev/guest/root', mountpoint: '/', type: 'ext4' },
        { device: '/dev/sdb', mountpoint: '/srv', type: 'xfs' },
        { device: '/dev/sda1', mountpoint: '/boot', type: 'ext4' },
      ],
    });
    expect(image.devices.find(({ name }) => name === '/dev/guest/root')?.parts).toEqual(['/dev/sda2']);
    expect(image.kernels.map(({ version, initramfs }) => [version, initramfs?.modules])).toEqual([
      [smallGuestKernel, ['virtio_blk', 'ext4', 'dm_mod']],
      ['5.10.0-1-cloud-amd64', undefined],
    ]);
  });

  it('sees before the first boot that it would not boot', () => {
    expect(ids(verifyImage(image, plan), 'failed')).toEqual(
      expect.arrayContaining([`initramfs:${smallGuestKernel}`, 'fstab:/boot', 'fstab:/srv', 'network:ens3']),
    );
  });

  it('puts everything back when an edit fails half-way', patience, async () => {
    const broken: FixUpPlan = {
      ...plan,
      edits: [...plan.edits, { id: 'broken', what: 'fail', why: 'to see what is left', path: '/x', run: ['false'] }],
    };
    const made: string[] = [];
    const overlays = disks.map(({ path }, index) => ({
      path: join(folder, `library${index}.qcow2`),
      format: 'qcow2' as const,
      over: path,
    }));
    for (const { path, over } of overlays)
      execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', over, path]);
    const fixUp = libguestfsFixUp({ ...session, onEdit: ({ id }) => void made.push(id) });
    const applied = await fixUp.apply(overlays, broken);
    expect(applied).toMatchObject({ ok: false, error: { type: 'ToolFailed', step: 'command false' } });
    expect(made.at(-1)).toBe('broken');
    for (const { path, over } of overlays) {
      // Every byte as it was, and no mark and no snapshot left.
      execFileSync('qemu-img', ['compare', '-q', '-f', 'qcow2', '-F', 'raw', path, over]);
      expect(execFileSync('qemu-img', ['snapshot', '-l', path]).toString()).toBe('');
      expect(existsSync(`${path}.fixup-running`)).toBe(false);
    }
  });

  it('edits overlays, in which the guest then has what it takes to boot', patience, async () => {
    const told: string[] = [];
    const applied = valueOf(
      await applyCommand({ disks, target, plan, inPlace: false, session, onEdit: ({ id }) => void told.push(id) }),
    );
    expect(applied).toMatchObject({ blocked: false, disks: disks.map(overlayOf) });
    expect(told).toEqual(plan.edits.map(({ id }) => id));
    expect(await digestOf(disks)).toBe(before);

    const fixed = valueOf(await libguestfsFixUp(session).inspect(applied.disks));
    expect(ids(verifyImage(fixed, plan), 'failed')).toEqual([]);
    expect(fixed.kernels[0]?.initramfs?.modules).toEqual(
      expect.arrayContaining(['vmw_pvscsi', 'sd_mod', 'vmxnet3', 'dm_mod']),
    );
    expect(fixed.files['/var/lib/sealift/stage.json']).toBe(target.stage);
    expect(fixed.files['/etc/systemd/network/20-any.network']).toBe('# any virtio NIC\n[Match]\nDriver=vmxnet3\n');
    expect(verifyImage(fixed, plan).find(({ id }) => id === 'network:ens3')).toMatchObject({
      verdict: 'passed',
      message: 'ens3 keeps its name and is found by ens3 (eni), 20-any.network (networkd)',
    });
    expect(valueOf(planFixUp(fixed, target)).edits).toEqual([]);
  });

  it('does not overwrite a fix-up that is there', async () => {
    const again = await applyCommand({ disks, target, plan, inPlace: false, session, onEdit: () => {} });
    expect(again).toMatchObject({ ok: false, error: { type: 'ImageUnusable' } });
  });

  it(
    'edits images in place where that is asked for, keeps them as they were, and puts them back',
    patience,
    async () => {
      const images = disks.map((_, index) => ({
        path: join(folder, `library${index}.qcow2`),
        format: 'qcow2' as const,
      }));
      const applied = await applyCommand({ disks: images, target, plan, inPlace: true, session, onEdit: () => {} });
      expect(valueOf(applied).disks).toEqual(images);
      const differs = (): readonly boolean[] =>
        images.map(({ path }, index) => {
          const compare = ['compare', '-q', '-f', 'qcow2', '-F', 'raw', path, disks[index]?.path ?? ''];
          return spawnSync('qemu-img', compare).status === 1;
        });
      expect(differs()[0]).toBe(true);
      expect(valueOf(await undoCommand(images)).restored).toEqual(images.map(({ path }) => path));
      expect(differs()).toEqual([false, false]);
    },
  );

  it('verifies the overlays of the disks it is given, and undoes by taking them away', patience, async () => {
    expect(ids(valueOf(await verifyCommand(disks, target, plan, session)), 'failed')).toEqual([]);
    expect(valueOf(await undoCommand(disks)).removed).toEqual(disks.map((disk) => overlayOf(disk).path));
    expect(disks.map((disk) => existsSync(overlayOf(disk).path))).toEqual([false, false]);
    expect(await digestOf(disks)).toBe(before);
  });

  /** One fix-up as the live world does it. */
  const carryOut = async (images: readonly FixUpDisk[], prepared: PreparedUse) => {
    const opened = libguestfsFixUp(session).open(images, { prepared });
    try {
      const made = valueOf(await opened.plan(target));
      expect(made.edits).toEqual(plan.edits);
      const applied = valueOf(await opened.apply(made));
      const failing = ids(valueOf(await opened.verify(made)), 'failed');
      const kept = valueOf(await opened.keepMade());
      valueOf(await opened.close());
      return { applied, failing, kept };
    } finally {
      await opened.close();
    }
  };
  const overlaid = (name: string): readonly FixUpDisk[] =>
    disks.map(({ path }, index) => {
      const overlay = join(folder, `${name}${index}.qcow2`);
      execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', path, overlay]);
      return { path: overlay, format: 'qcow2' };
    });
  const madeBy = `initramfs:${smallGuestKernel}`;
  const prepared = (): string => join(folder, 'prepared');

  it('keeps what commands make, plans, applies and verifies in one session', patience, async () => {
    const done = await carryOut(overlaid('clone'), {
      type: 'make',
      folder: prepared(),
      roundTook: seconds(5),
      of: 'x',
    });
    expect(done).toEqual({
      applied: { made: [madeBy], prepared: false, whyNot: '' },
      failing: [],
      kept: { files: [`/boot/initrd.img-${smallGuestKernel}`], whyNot: '' },
    });
  });

  it('puts it in place instead of making it again where nothing has changed', patience, async () => {
    const images = overlaid('window');
    const { applied, failing } = await carryOut(images, { type: 'use', folder: prepared() });
    expect({ applied, failing }).toEqual({ applied: { made: [madeBy], prepared: true, whyNot: '' }, failing: [] });
    expect(existsSync(`${images[0]?.path ?? ''}.fixup-running`)).toBe(false);
  });

  it('makes it again where a file that may go into it has changed', patience, async () => {
    const images = overlaid('changed');
    const editor = valueOf(await openSession(images, { ...session, writable: true }));
    for (const answer of await editor.runAll([
      ['mount', '/dev/guest/root', '/'],
      ['write', '/usr/sbin/mkinitramfs', '#!/bin/busybox sh\n# by hand\n'],
      ['umount-all'],
    ]))
      valueOf(answer);
    valueOf(await editor.close());
    const { applied, failing } = await carryOut(images, { type: 'use', folder: prepared() });
    expect({ applied, failing }).toEqual({
      applied: { made: [madeBy], prepared: false, whyNot: '/usr/sbin/mkinitramfs has changed' },
      failing: [],
    });
  });

  it('leaves disks that nobody takes for whole when an edit of a session fails', patience, async () => {
    const images = overlaid('failing');
    const opened = libguestfsFixUp(session).open(images);
    valueOf(await opened.plan(target));
    const edit = { id: 'broken', what: 'fail', why: 'to see what is left', path: '/x', run: ['false'] };
    expect(await opened.apply({ ...plan, edits: [...plan.edits, edit] })).toMatchObject({
      ok: false,
      error: { type: 'ToolFailed', step: 'command false' },
    });
    valueOf(await opened.close());
    const again = libguestfsFixUp(session).open(images);
    expect(await again.plan(target)).toMatchObject({ ok: false, error: { type: 'ImageUnusable' } });
    await again.close();
  });
});
