import type { Check } from '#core/migration/facts';
import type { Edit, FixUpDisk, FixUpError, FixUpPlan, FixUpTarget } from '#core/ports/fix-up';
import { ok, type Result } from '#core/result';
import { isInterrupted, undoAll } from './apply.ts';
import { libguestfsFixUp } from './fix-up.ts';
import type { SessionOptions } from './guestfish.ts';
import { inspectDisks } from './inspect.ts';
import { isThere, makeOverlays, overlayOf, removeOverlays } from './overlays.ts';
import { hasRestorePoint } from './restore-point.ts';
import { verifyImage } from './verify.ts';

type Session = Omit<SessionOptions, 'writable'>;

/** What `sealift fixup apply` is asked to do. */
export interface ApplyRequest {
  readonly disks: readonly FixUpDisk[];
  readonly target: FixUpTarget;
  /** Made now if it is not given. */
  readonly plan?: FixUpPlan;
  /** Edits the images themselves, and keeps them as they were. Else edits go to overlays. */
  readonly inPlace: boolean;
  readonly session: Session;
  /** Called before each edit, numbered from 1. */
  readonly onEdit: (edit: Edit, number: number, of: number) => void;
}

/** What came of it. */
export interface Applied {
  readonly plan: FixUpPlan;
  /** The images the edits are in. */
  readonly disks: readonly FixUpDisk[];
  /** Whether a finding stands in the way: then nothing was edited. */
  readonly blocked: boolean;
}

/** Plans where no plan is given, and makes the edits where nothing stands in the way. */
export async function applyCommand(request: ApplyRequest): Promise<Result<Applied, FixUpError>> {
  const { disks, target, inPlace, session, onEdit } = request;
  const planned = request.plan === undefined ? await libguestfsFixUp(session).plan(disks, target) : ok(request.plan);
  if (!planned.ok) return planned;
  const plan = planned.value;
  if (plan.findings.some(({ verdict }) => verdict === 'failed')) return ok({ plan, disks, blocked: true });
  const fixUp = libguestfsFixUp({
    ...session,
    keepRestorePoint: inPlace,
    onEdit: (edit, index) => onEdit(edit, index + 1, plan.edits.length),
  });
  const images = inPlace ? ok(disks) : await makeOverlays(disks);
  if (!images.ok) return images;
  const applied = await fixUp.apply(images.value, plan);
  if (applied.ok) return ok({ plan, disks: images.value, blocked: false });
  if (!inPlace) await removeOverlays(disks);
  return applied;
}

/** Holds the fixed-up images of these disks against the target, and against a plan if there is one. */
export async function verifyCommand(
  disks: readonly FixUpDisk[],
  { controller, nicModel, nics }: FixUpTarget,
  plan: FixUpPlan | undefined,
  session: Session,
): Promise<Result<readonly Check[], FixUpError>> {
  const looked = await Promise.all(
    disks.map(async (disk) => ((await isThere(overlayOf(disk).path)) ? overlayOf(disk) : disk)),
  );
  const image = await inspectDisks(looked, session);
  if (!image.ok) return image;
  const { os, kernels } = image.value;
  const guest = { family: os.family, name: os.name, kernels: kernels.map(({ version }) => version) };
  const target = { controller, nicModel, ...(nics.length > 0 && { nics }) };
  return ok(verifyImage(image.value, plan ?? { version: 1, guest, target, edits: [], findings: [] }));
}

/** What was undone: overlays taken away, images put back. */
export interface Undone {
  readonly removed: readonly string[];
  readonly restored: readonly string[];
}

/** Takes overlays away, or puts back what was edited in place. With neither there is nothing to do. */
export async function undoCommand(disks: readonly FixUpDisk[]): Promise<Result<Undone, FixUpError>> {
  const removed = await removeOverlays(disks);
  if (!removed.ok) return removed;
  const edited: string[] = [];
  for (const disk of disks) {
    const has = await hasRestorePoint(disk);
    if (!has.ok) return has;
    if (has.value) edited.push(disk.path);
  }
  if (edited.length === 0 && !(await isInterrupted(disks))) return ok({ removed: removed.value, restored: [] });
  const undone = await undoAll(disks);
  return undone.ok ? ok({ removed: removed.value, restored: edited }) : undone;
}
