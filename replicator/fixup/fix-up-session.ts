import type { Edit, FixUpDisk, FixUpError, FixUpSession, FixUpSessionOptions, GuestImage } from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';
import { editWindows } from '#replicator/fixup/windows/apply';
import { findWindows } from '#replicator/fixup/windows/volume';
import { takeDisposable, type Disposable } from './apply.ts';
import { allOf, editGuest, type EditOptions } from './edit-guest.ts';
import { openSession, type GuestfishSession, type SessionOptions } from './guestfish.ts';
import { inspectIn } from './inspect.ts';
import { madeFiles, type MadeFiles } from './made-files.ts';
import { planFixUp } from './plan.ts';
import { verifyImage } from './verify.ts';

/** What a session is made of, beside its disks. */
export interface SessionTools extends Omit<SessionOptions, 'writable'> {
  readonly onEdit?: ((edit: Edit, index: number) => void) | undefined;
}

/**
 * A fix-up in one session of guestfish: starting its appliance is most of what a fix-up costs that has little to edit.
 * Disks belong to it from the first look until `close`.
 */
export function fixUpSession(
  disks: readonly FixUpDisk[],
  { prepared, signal }: FixUpSessionOptions,
  { onEdit, ...tools }: SessionTools,
): FixUpSession {
  let opened: Opened | undefined;
  let image: GuestImage | undefined;
  let made: MadeFiles | undefined;
  let closed: Promise<Result<void, FixUpError>> | undefined;
  const open = async (): Promise<Result<Opened, FixUpError>> => {
    if (opened !== undefined) return ok(opened);
    const both = await openOn(disks, { ...tools, signal: signal ?? tools.signal });
    if (both.ok) opened = both.value;
    return both;
  };
  return {
    async plan(target) {
      const on = await open();
      if (!on.ok) return on;
      // Mounted for writing at once: the disks are there to be edited, and mounting takes seconds where it is emulated.
      const found = await inspectIn(on.value.session, { writable: true });
      if (!found.ok) return found;
      image = found.value;
      return planFixUp(image, target);
    },
    async apply(plan) {
      if (opened === undefined || image === undefined) return err(outOfTurn('apply'));
      const { session, disposable } = opened;
      opened.stage = 'editing';
      const begun = await disposable.begin();
      if (!begun.ok) return begun;
      made = madeFiles({ session, plan, image, use: prepared });
      const edited = await editImage(session, image, plan.edits, { onEdit, run: made.run });
      if (!edited.ok) return edited;
      opened.stage = 'edited';
      return ok(await made.finish());
    },
    async verify(plan) {
      if (opened === undefined) return err(outOfTurn('verify'));
      const again = await lookAgain(opened.session);
      return again.ok ? ok(verifyImage(again.value, plan)) : again;
    },
    keepMade: async () => (made === undefined ? err(outOfTurn('keepMade')) : kept(made)),
    close: () => (closed ??= closeAll(opened)),
  };
}

/** Edits a Linux that is mounted, or a Windows on which nothing is. */
async function editImage(
  session: GuestfishSession,
  { os, devices }: GuestImage,
  edits: readonly Edit[],
  options: EditOptions,
): Promise<Result<void, FixUpError>> {
  if (os.family !== 'windows') return editGuest(session, edits, options);
  const place = await findWindows(session, devices);
  if (!place.ok) return place;
  if (place.value !== undefined) return editWindows(session, place.value, edits, options.onEdit);
  return err({ type: 'ImageUnusable', detail: 'there was a Windows on these disks a moment ago, and is none now' });
}

interface Opened {
  readonly session: GuestfishSession;
  readonly disposable: Disposable;
  /** What has been done to the disks: nothing, some edits, or all. */
  stage: 'looking' | 'editing' | 'edited';
}

async function openOn(
  disks: readonly FixUpDisk[],
  tools: Omit<SessionOptions, 'writable'>,
): Promise<Result<Opened, FixUpError>> {
  const disposable = await takeDisposable(disks);
  if (!disposable.ok) return disposable;
  const session = await openSession(disks, { ...tools, writable: true });
  if (session.ok) return ok({ session: session.value, disposable: disposable.value, stage: 'looking' });
  await disposable.value.release();
  return session;
}

/**
 * Inspects what is on the disks. Everything written is flushed, then nothing is kept in the appliance's memory: what is
 * read next is read from the images, as another appliance would.
 */
async function lookAgain(session: GuestfishSession): Promise<Result<GuestImage, FixUpError>> {
  const dropped = await allOf(session, [['sync'], ['umount-all'], ['drop-caches', '3']]);
  return dropped.ok ? inspectIn(session, { writable: false }) : dropped;
}

async function kept(made: MadeFiles): ReturnType<FixUpSession['keepMade']> {
  try {
    return ok(await made.keep());
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    return err({ type: 'ToolFailed', step: 'keep what was made', detail });
  }
}

async function closeAll(opened: Opened | undefined): Promise<Result<void, FixUpError>> {
  if (opened === undefined) return ok(undefined);
  const { session, disposable, stage } = opened;
  try {
    // What is half done is taken away; it need not reach the disks in order.
    if (stage === 'editing') return ok(await session.kill());
    const closed = await session.close();
    if (!closed.ok) await session.kill();
    else if (stage === 'edited') await disposable.done();
    return closed;
  } finally {
    await disposable.release();
  }
}

const outOfTurn = (step: string): FixUpError => ({
  type: 'ToolFailed',
  step,
  detail: 'the session has not come to that yet',
});
