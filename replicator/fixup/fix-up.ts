import type { Edit, FixUp } from '#core/ports/fix-up';
import { ok } from '#core/result';
import { applyPlan, undoInterrupted } from './apply.ts';
import { fixUpSession } from './fix-up-session.ts';
import type { SessionOptions } from './guestfish.ts';
import { inspectDisks } from './inspect.ts';
import { planFixUp } from './plan.ts';
import { verifyImage } from './verify.ts';

/** How fix-up works on images. Aborting its signal stops what runs; edits that were begun are undone. */
export interface FixUpOptions extends Omit<SessionOptions, 'writable'> {
  /** Whether the images as they were are kept after edits went well. Not needed where images are overlays. */
  readonly keepRestorePoint?: boolean;
  /** Called before each edit, numbered from 0. */
  readonly onEdit?: (edit: Edit, index: number) => void;
}

/** Fix-up with libguestfs, run as a program. */
export function libguestfsFixUp({ keepRestorePoint = false, onEdit, ...session }: FixUpOptions = {}): FixUp {
  return {
    inspect: (disks) => inspectDisks(disks, session),
    async plan(disks, target) {
      // A plan for half-edited disks would be a plan for what nobody has seen.
      const recovered = await undoInterrupted(disks);
      if (!recovered.ok) return recovered;
      const image = await inspectDisks(disks, session);
      return image.ok ? planFixUp(image.value, target) : image;
    },
    apply: (disks, plan) => applyPlan(disks, plan, { ...session, keepRestorePoint, onEdit }),
    async verify(disks, plan) {
      const image = await inspectDisks(disks, session);
      return image.ok ? ok(verifyImage(image.value, plan)) : image;
    },
    open: (disks, options = {}) => fixUpSession(disks, options, { ...session, onEdit }),
  };
}
