import { rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { FixUpDisk, FixUpError } from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';
import { isInterrupted } from './apply.ts';
import { qemuImg } from './restore-point.ts';

/** Where the fixed-up image of a disk is: an overlay, which holds only what is changed. */
export const overlayOf = ({ path }: FixUpDisk): FixUpDisk => ({ path: `${path}.fixup.qcow2`, format: 'qcow2' });

/**
 * Makes an overlay over each disk, all or none. The disks are not written from then on, and are the restore point: taking
 * the overlays away is undoing everything. One that is there already is not overwritten, unless edits in it were
 * interrupted: what is in it then is nothing anybody has seen.
 */
export async function makeOverlays(disks: readonly FixUpDisk[]): Promise<Result<readonly FixUpDisk[], FixUpError>> {
  const overlays = disks.map(overlayOf);
  if (await isInterrupted(overlays)) {
    const removed = await removeOverlays(disks);
    if (!removed.ok) return removed;
  }
  for (const { path } of overlays)
    if (await isThere(path))
      return err({ type: 'ImageUnusable', detail: `${path} is there already; undo that fix-up first` });
  for (const [index, disk] of disks.entries()) {
    const { path } = overlays[index] ?? overlayOf(disk);
    const made = await qemuImg(
      `make ${path}`,
      ...['create', '-q', '-f', 'qcow2', '-F', disk.format, '-b', resolve(disk.path), path],
    );
    if (made.ok) continue;
    await removeFiles(overlays.slice(0, index + 1));
    return made;
  }
  return ok(overlays);
}

/** Takes the overlays of these disks away; returns which there were. One that is not over its disk is left and refused. */
export async function removeOverlays(disks: readonly FixUpDisk[]): Promise<Result<readonly string[], FixUpError>> {
  const there: FixUpDisk[] = [];
  for (const disk of disks) {
    const overlay = overlayOf(disk);
    if (!(await isThere(overlay.path))) continue;
    const said = await qemuImg(`look at ${overlay.path}`, 'info', '--output=json', '-f', 'qcow2', overlay.path);
    if (!said.ok) return said;
    const { 'backing-filename': backing = '' } = JSON.parse(said.value) as { readonly 'backing-filename'?: string };
    if (backing !== resolve(disk.path))
      return err({
        type: 'ImageUnusable',
        detail: `${overlay.path} is no overlay over ${disk.path}; it is left as it is`,
      });
    there.push(overlay);
  }
  await removeFiles(there);
  await rm(`${overlayOf(disks[0] ?? { path: '', format: 'raw' }).path}.fixup-running`, { force: true });
  return ok(there.map(({ path }) => path));
}

const removeFiles = async (overlays: readonly FixUpDisk[]): Promise<void> => {
  for (const { path } of overlays) await rm(path, { force: true });
};

/** Whether something has this name. */
export const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
