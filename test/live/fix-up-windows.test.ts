import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FixUpDisk, FixUpPlan, GuestImage } from '#core/ports/fix-up';
import { minutes } from '#core/units';
import { applianceKernel } from '#replicator/connectors/laboratory/kernel';
import { applyCommand, undoCommand } from '#replicator/fixup/apply-command';
import { openSession, type GuestfishSession } from '#replicator/fixup/guestfish';
import { inspectIn } from '#replicator/fixup/inspect';
import { overlayOf } from '#replicator/fixup/overlays';
import { planFixUp } from '#replicator/fixup/plan';
import { verifyImage } from '#replicator/fixup/verify';
import { editWindows } from '#replicator/fixup/windows/apply';
import { scriptPath } from '#replicator/fixup/windows/first-boot';
import { findWindows, volumeState } from '#replicator/fixup/windows/volume';
import { needs } from '#test/support/programs';
import { installSmallWindows, smallWindowsDisk } from '#test/support/small-windows-guest';
import { valueOf } from '#test/support/value-of';
import { server2022, windowsTarget as target } from '#test/support/windows-samples';

const programs = needs('guestfish', 'qemu-img', 'hivexregedit', 'ntfs-3g', 'linux-kernel');
// The appliance is emulated: seconds a start on an idle machine, and minutes on a busy one.
const patience = { timeout: minutes(15) };

const hive = '/Windows/system32/config/SYSTEM';
const kept = '/Windows/system32/config/sealift-before/SYSTEM';
async function digestOf({ path }: FixUpDisk): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

describe.skipIf(!programs.available)(programs.title('fix-up of a Windows on NTFS'), () => {
  let folder: string;
  let disk: FixUpDisk;
  let before: string;
  let permissions: string;
  let image: GuestImage;
  let plan: FixUpPlan;
  let environment: Readonly<Record<string, string>>;
  const open = async (disks: readonly FixUpDisk[]): Promise<GuestfishSession> =>
    valueOf(await openSession(disks, { writable: true, environment }));
  const mounted = async <T>(session: GuestfishSession, look: () => Promise<T>, options = 'permissions'): Promise<T> => {
    valueOf(await session.run('mount-vfs', options, 'ntfs-3g', '/dev/sda2', '/'));
    const seen = await look();
    valueOf(await session.run('umount-all'));
    return seen;
  };
  const permissionsOf = async (session: GuestfishSession, path: string): Promise<string> =>
    valueOf(await session.run('getxattr', path, 'system.ntfs_acl'));
  // What NTFS says of who may do what, as far as a mode can say it.
  const modeOf = async (session: GuestfishSession, path: string): Promise<number> =>
    Number(/^mode: (\d+)$/m.exec(valueOf(await session.run('stat', path)))?.[1]) & 0o777;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sealift-'));
    environment = await applianceKernel();
    disk = smallWindowsDisk(folder);
    const session = await open([disk]);
    await installSmallWindows(session, join(folder, 'in'), server2022);
    permissions = await mounted(session, () => permissionsOf(session, hive));
    image = valueOf(await inspectIn(session, { writable: false }));
    valueOf(await session.close());
    before = await digestOf(disk);
    plan = valueOf(planFixUp(image, target));
  }, minutes(15));
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('is found by its registry, and read from it', () => {
    expect(image).toMatchObject({
      os: { family: 'windows', version: '10.0.20348.2700', name: 'Windows Server 2022 Standard' },
      firmware: 'uefi',
      mounts: [{ device: '/dev/sda2', mountpoint: '/', type: 'ntfs' }],
      oldAgents: ['QEMU-GA'],
      windows: {
        folder: '/Windows',
        volume: { device: '/dev/sda2', state: 'clean' },
        hives: { system: { path: hive, isClean: true } },
        controlSets: ['ControlSet001'],
        knownHardware: ['PCI\\VEN_1000&DEV_0054', 'PCI\\VEN_8086&DEV_10D3'],
        loaders: server2022.loaders,
      },
    });
    expect(plan.findings.filter(({ verdict }) => verdict === 'failed')).toEqual([]);
  });

  it('is edited in an overlay, and the disk stays as it is', patience, async () => {
    const made: string[] = [];
    const applied = valueOf(
      await applyCommand({
        ...{ disks: [disk], target, plan, inPlace: false, session: { environment } },
        onEdit: ({ id }) => void made.push(id),
      }),
    );
    expect(applied).toMatchObject({ blocked: false, disks: [overlayOf(disk)] });
    expect(made).toEqual(plan.edits.map(({ id }) => id));
    expect(await digestOf(disk)).toBe(before);
  });

  it('then has what it takes to boot, once and for those who may, and is refused in disorder', patience, async () => {
    const session = await open([overlayOf(disk)]);
    const fixed = valueOf(await inspectIn(session, { writable: false }));
    expect(verifyImage(fixed, plan).filter(({ verdict }) => verdict !== 'passed')).toEqual([]);
    expect(valueOf(planFixUp(fixed, target)).edits).toEqual([]);
    // Without permissions in force everybody may change what is made.
    await mounted(session, async () => valueOf(await session.run('touch', '/other')), '');
    await mounted(session, async () => {
      expect(await permissionsOf(session, hive)).toBe(permissions);
      expect(await modeOf(session, '/other')).toBe(0o777);
      expect(await modeOf(session, scriptPath({ folder: '/Windows' }))).toBe(0o700);
      expect(await modeOf(session, '/Windows/Sealift')).toBe(0o700);
      expect(await modeOf(session, kept)).toBe(0o600);
      expect(await modeOf(session, dirname(kept))).toBe(0o700);
    });

    // A plan that was made from something else is not applied to this.
    const place = valueOf(await findWindows(session, fixed.devices));
    if (place === undefined) throw new Error('no Windows');
    const foreign = plan.edits.map((edit) =>
      edit.hive === undefined ? edit : { ...edit, after: edit.after?.replace('00000000', '00000001') ?? '' },
    );
    const digest = await mounted(session, () => session.run('checksum', 'sha256', hive));
    expect(await editWindows(session, place, foreign)).toMatchObject({ ok: false, error: { type: 'ImageUnusable' } });
    valueOf(await session.run('umount-all'));
    expect(await mounted(session, () => session.run('checksum', 'sha256', hive))).toEqual(digest);

    // What Windows does when it is not shut down in order, as far as a volume shows it.
    valueOf(await session.run('ntfsfix', '/dev/sda2'));
    expect(valueOf(await volumeState(session, place))).toBe('dirty');
    expect(await editWindows(session, place, plan.edits)).toMatchObject({
      ok: false,
      error: { detail: expect.stringContaining('is dirty') as string },
    });
    await mounted(session, async () => valueOf(await session.run('write', '/hiberfil.sys', 'HIBR and a session')));
    expect(valueOf(await volumeState(session, place))).toBe('hibernated');
    expect(valueOf(await inspectIn(session, { writable: false })).hibernated).toEqual(['/dev/sda2']);
    valueOf(await session.close());
  });

  it('is undone by taking the overlay away', async () => {
    expect(valueOf(await undoCommand([disk])).removed).toEqual([overlayOf(disk).path]);
    expect(existsSync(overlayOf(disk).path)).toBe(false);
    expect(await digestOf(disk)).toBe(before);
  });
});
