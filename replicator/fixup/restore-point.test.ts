import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, linkSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FixUpDisk, FixUpPlan } from '#core/ports/fix-up';
import { ownDisk } from '#replicator/disk/owner-lock';
import { needs } from '#test/support/programs';
import { valueOf } from '#test/support/value-of';
import { applyPlan, isInterrupted, takeDisposable, undoAll, undoInterrupted } from './apply.ts';
import { makeOverlays, overlayOf, removeOverlays } from './overlays.ts';
import { dropRestorePoint, hasRestorePoint, restore, takeRestorePoint } from './restore-point.ts';

const programs = needs('qemu-img', 'qemu-io');
const plan: FixUpPlan = { version: 1, guest: { family: 'debian', name: 'x', kernels: [] }, edits: [], findings: [] };

describe.skipIf(!programs.available).each(['raw', 'qcow2'] as const)(
  programs.title('a restore point of a %s image'),
  (format) => {
    let folder = '';
    let disk: FixUpDisk;
    const run = (program: string, ...args: readonly string[]): string =>
      execFileSync(program, args, { encoding: 'utf8' });
    const io = (...commands: readonly string[]): boolean =>
      spawnSync('qemu-io', ['-f', format, ...commands.flatMap((command) => ['-c', command]), disk.path]).status === 0;
    // What is written later also stands where nothing was at first.
    const write = (pattern: number): void =>
      expect(io(`write -P ${pattern} 64k 64k`, `write -P ${pattern === 1 ? 0 : pattern} 300k 4k`)).toBe(true);
    const holds = (pattern: number): boolean =>
      io(`read -P ${pattern} 64k 64k`, `read -P ${pattern === 1 ? 0 : pattern} 300k 4k`);
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'sealift-restore-'));
      disk = { path: join(folder, 'disk'), format };
      run('qemu-img', 'create', '-q', '-f', format, disk.path, '1M');
      write(1);
    });
    afterEach(() => rmSync(folder, { recursive: true }));

    it('brings back what was there, as often as is asked', async () => {
      expect(valueOf(await hasRestorePoint(disk))).toBe(false);
      valueOf(await takeRestorePoint(disk));
      expect(valueOf(await hasRestorePoint(disk))).toBe(true);
      for (const pattern of [2, 3]) {
        write(pattern);
        expect(holds(1)).toBe(false);
        valueOf(await restore(disk));
        expect(holds(1)).toBe(true);
      }
    });

    it('is forgotten, and what was written stays', async () => {
      valueOf(await takeRestorePoint(disk));
      write(2);
      valueOf(await dropRestorePoint(disk));
      valueOf(await restore(disk));
      expect(holds(2)).toBe(true);
      expect(readdirSync(folder)).toEqual(['disk']);
    });

    it('puts back in the same file', async () => {
      linkSync(disk.path, join(folder, 'other-name'));
      valueOf(await takeRestorePoint(disk));
      write(2);
      valueOf(await restore(disk));
      disk = { path: join(folder, 'other-name'), format };
      expect(holds(1)).toBe(true);
    });

    it('undoes edits of a process that died, before anything else is done', async () => {
      valueOf(await takeRestorePoint(disk));
      writeFileSync(`${disk.path}.fixup-running`, '');
      write(2); // Half of what it wanted.
      expect(await isInterrupted([disk])).toBe(true);
      valueOf(await applyPlan([disk], plan, { keepRestorePoint: false }));
      expect(holds(1)).toBe(true);
      expect(readdirSync(folder)).toEqual(['disk']);
    });

    it('does not put back what went on after a process died before its first edit', async () => {
      valueOf(await takeRestorePoint(disk));
      writeFileSync(`${disk.path}.fixup-running`, 'taking restore points\n');
      write(2); // Somebody replicates on.
      valueOf(await undoInterrupted([disk]));
      expect(holds(2)).toBe(true);
      expect(readdirSync(folder)).toEqual(['disk']);
    });

    it('leaves the disks to a process that is at work on them', async () => {
      const lock = valueOf(await ownDisk(disk.path));
      writeFileSync(`${disk.path}.fixup-running`, '');
      for (const work of [
        () => undoAll([disk]),
        () => undoInterrupted([disk]),
        () => applyPlan([disk], plan, { keepRestorePoint: true }),
      ])
        expect(await work()).toMatchObject({
          ok: false,
          error: { type: 'ImageUnusable', detail: expect.stringContaining('is being fixed up by process') as string },
        });
      await lock.release();
      valueOf(await undoAll([disk]));
    });

    it('leaves alone what was finished, unless it is asked to undo', async () => {
      valueOf(await takeRestorePoint(disk));
      write(2);
      valueOf(await undoInterrupted([disk]));
      expect(holds(2)).toBe(true);
      valueOf(await undoAll([disk]));
      expect(holds(1)).toBe(true);
      expect(readdirSync(folder)).toEqual(['disk']);
    });

    it('does not begin over a restore point that somebody may still want', async () => {
      valueOf(await takeRestorePoint(disk));
      const edit = { id: 'x', what: 'x', why: 'x', path: '/x', after: '' };
      const applied = await applyPlan([disk], { ...plan, edits: [edit] }, { keepRestorePoint: true });
      expect(applied).toMatchObject({ ok: false, error: { type: 'ImageUnusable' } });
      expect(valueOf(await hasRestorePoint(disk))).toBe(true);
    });

    it('makes overlays of disks, once, and takes only those away that are over them', async () => {
      const [overlay] = valueOf(await makeOverlays([disk]));
      expect(overlay).toEqual({ path: `${disk.path}.fixup.qcow2`, format: 'qcow2' });
      expect(await makeOverlays([disk])).toMatchObject({ ok: false, error: { type: 'ImageUnusable' } });
      expect(valueOf(await removeOverlays([disk]))).toEqual([overlayOf(disk).path]);
      expect(valueOf(await removeOverlays([disk]))).toEqual([]);
      run('qemu-img', 'create', '-q', '-f', 'qcow2', overlayOf(disk).path, '1M');
      expect(await removeOverlays([disk])).toMatchObject({ ok: false });
      expect(existsSync(overlayOf(disk).path)).toBe(true);
    });

    it('makes overlays anew where edits in them were interrupted', async () => {
      valueOf(await makeOverlays([disk]));
      writeFileSync(`${overlayOf(disk).path}.fixup-running`, '');
      valueOf(await makeOverlays([disk]));
      expect(readdirSync(folder).toSorted()).toEqual(['disk', 'disk.fixup.qcow2']);
    });
  },
);

describe('disks that are edited without a restore point', () => {
  let folder = '';
  let disk: FixUpDisk;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sealift-disposable-'));
    disk = { path: join(folder, 'disk'), format: 'qcow2' };
    writeFileSync(disk.path, '');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('are nobody else’s meanwhile, and leave nothing behind when they are done', async () => {
    const mine = valueOf(await takeDisposable([disk]));
    expect(await takeDisposable([disk])).toMatchObject({ ok: false, error: { type: 'ImageUnusable' } });
    valueOf(await mine.begin());
    expect(await isInterrupted([disk])).toBe(true);
    await mine.done();
    await mine.release();
    expect(readdirSync(folder)).toEqual(['disk']);
    await valueOf(await takeDisposable([disk])).release();
  });

  it('are not taken for whole by anybody if that did not come to its end', async () => {
    const mine = valueOf(await takeDisposable([disk]));
    valueOf(await mine.begin());
    await mine.release(); // As a process that died does.
    for (const work of [
      () => takeDisposable([disk]),
      () => undoInterrupted([disk]),
      () => undoAll([disk]),
      () => applyPlan([disk], plan, { keepRestorePoint: false }),
    ])
      expect(await work()).toMatchObject({
        ok: false,
        error: { type: 'ImageUnusable', detail: expect.stringContaining('take it away') as string },
      });
    expect(await isInterrupted([disk])).toBe(true);
  });
});
