import type { DiskId } from '#core/ids';
import type { Check, GuestShape, MigrationFact, Reason } from '#core/migration/facts';
import {
  describeFixUpError,
  type EditsMade,
  type FixUpDisk,
  type FixUpError,
  type FixUpPlan,
  type FixUpSession,
  type MadeKept,
  type PreparedUse,
} from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';
import { formatPlural } from '#core/text/format';
import type { Report } from '#core/driver/world';
import type { StageFile } from '#replicator/sentinel/stage/stage-file';
import { came, type Parts, type Perform, type Reconcile } from '#replicator/live/parts';
import { targetOf } from '#replicator/live/target-place';
import { reasonOf } from '#replicator/live/trouble';
import { plannedEdit } from './edit-text.ts';
import { fixUpTargetOf, type LaunchSite } from './launch-site.ts';
import { stepTeller } from './steps.ts';

/**
 * Fixes up a fresh overlay on every replica: plan, apply, verify. What fails is undone by dropping the overlays. What a
 * test has made before, and would be made the same again, is put in place instead.
 */
export const fixUpReplica =
  (site: LaunchSite): Perform<'fixUpReplica'> =>
  async (parts, { report }) => {
    const { guest } = await parts.memory();
    const failed = (reason: Reason): MigrationFact => ({ type: 'FixUpFailed', data: { reason } });
    if (!guest) return came(failed(guestUnknown));
    const replicas = replicasOf(parts);
    const order: StageFile = { stage: 'target', migration: parts.migration, checks: site.checks };
    const overlays = await makeOverlays(site, replicas);
    const prepared: PreparedUse = { type: 'use', folder: preparedFolder(site, replicas) };
    const fixed = overlays.ok
      ? await fixUp(site, { disks: overlays.value, guest, order, step: 'fixUpReplica', report, prepared })
      : err(reasonOf('OverlayFailed', overlays.error));
    if (fixed.ok) return came({ type: 'ReplicaFixedUp', data: { findings: fixed.value } });
    for (const { path } of replicas) await site.overlays.drop(path);
    // It may be what was prepared: the next try makes it anew.
    await forgetPrepared(site, parts);
    return came(failed(fixed.error));
  };

/** Fix-up is done again from nothing: what a try left behind are overlays, and it begins by dropping them. */
export const wasFixedUp: Reconcile = async () => ({ type: 'notDone' });

/** A guest that nobody looked into cannot be given the NICs and the firmware it expects. */
export const guestUnknown = reasonOf(
  'GuestUnknown',
  'the log does not say what the guest is like inside; let its sentinel connect and verify the source again',
);

/** The replicas as files, in the order of the plan: the boot disk first. */
export const replicasOf = ({ plan, place }: Pick<Parts, 'plan' | 'place'>): readonly ReplicaFile[] =>
  plan.disks.map(({ id }) => ({ disk: id, path: targetOf(place, id) }));

/** Takes away what was made for a cutover: it has been used up, or may be what it failed for, or is not wanted any more. */
export async function forgetPrepared({ overlays }: Pick<LaunchSite, 'overlays'>, parts: Parts): Promise<void> {
  for (const { path } of replicasOf(parts)) await overlays.dropPrepared(path);
}

/** A replica of this machine. */
export interface ReplicaFile {
  readonly disk: DiskId;
  readonly path: string;
}

/** Where files are that were made before the cutover needs them: beside the boot disk's replica. */
export const preparedFolder = ({ overlays }: Pick<LaunchSite, 'overlays'>, [boot]: readonly ReplicaFile[]): string =>
  overlays.prepared(boot?.path ?? '');

async function makeOverlays(
  { overlays }: LaunchSite,
  replicas: readonly ReplicaFile[],
): Promise<Result<readonly FixUpDisk[], string>> {
  const disks: FixUpDisk[] = [];
  for (const { path } of replicas) {
    const overlay = await overlays.make(path);
    if (!overlay.ok) return overlay;
    disks.push(overlay.value);
  }
  return ok(disks);
}

/** What is fixed up, for what, and who is told. */
export interface FixUpOrder {
  readonly disks: readonly FixUpDisk[];
  readonly guest: GuestShape;
  readonly order: StageFile;
  readonly step: 'fixUpReplica' | 'launchTest' | 'runDeltaSync';
  readonly report: Report<MigrationFact>;
  readonly prepared?: PreparedUse;
  readonly signal?: AbortSignal;
}

/**
 * Plans, applies and verifies on disks that may be changed, all in one session of the engine. Answers what was found; the
 * reason says what failed.
 */
export async function fixUp(site: LaunchSite, order: FixUpOrder): Promise<Result<readonly Check[], Reason>> {
  const { disks, prepared, signal } = order;
  const session = site.fixUp.open(disks, { ...(prepared && { prepared }), ...(signal && { signal }) });
  try {
    const fixed = await fixUpIn(session, site, order);
    // What failed to be written late is told at the end.
    const closed = await session.close();
    return fixed.ok && !closed.ok ? err(reasonOf('FixUpNotWritten', describeFixUpError(closed.error))) : fixed;
  } finally {
    await session.close();
  }
}

async function fixUpIn(
  session: FixUpSession,
  site: LaunchSite,
  { guest, order, step, report, prepared }: FixUpOrder,
): Promise<Result<readonly Check[], Reason>> {
  const tell = stepTeller(step, report);
  const target = fixUpTargetOf(site, guest.nics, order);
  const planned = await tell.item(
    'plan',
    'Plan the fix-up',
    async () => inWords(await session.plan(target)),
    ({ edits }) => formatPlural(edits.length, 'edit'),
  );
  if (!planned.ok) return planned;
  const plan = planned.value;
  report({ type: 'FixUpPlanned', data: { edits: plan.edits.map(plannedEdit), findings: plan.findings } });
  const refusing = plan.findings.filter(({ verdict }) => verdict === 'failed');
  if (refusing.length > 0) return err(reasonOf('FixUpRefused', refusing.map(({ message }) => message).join('; ')));
  const applied = await tell.item(
    'apply',
    'Apply the edits',
    async () => inWords(await session.apply(plan)),
    (made) => editsMade(plan, made),
  );
  if (!applied.ok) return applied;
  const verified = await tell.item(
    'verify',
    'Verify what was applied',
    async () => inWords(await session.verify(plan)),
    (checks) => formatPlural(checks.length, 'check'),
  );
  if (!verified.ok) return verified;
  const notThere = verified.value.filter(({ verdict }) => verdict === 'failed');
  if (notThere.length > 0) return err(reasonOf('FixUpNotVerified', notThere.map(({ message }) => message).join('; ')));
  // Not to have it prepared costs time in the cutover, and nothing else: the step goes on without.
  if (prepared?.type === 'make')
    await tell.item(
      'prepare',
      'Keep what was made for the cutover',
      async () => inWords(await session.keepMade()),
      kept,
    );
  return ok([...plan.findings, ...verified.value]);
}

/** `12 edits, 1 file prepared before the window`, or why it was made anew. */
function editsMade({ edits }: FixUpPlan, { made, prepared, whyNot }: EditsMade): string {
  const all = formatPlural(edits.length, 'edit');
  if (prepared) return `${all}, ${formatPlural(made.length, 'initramfs', 'initramfs')} prepared before the window`;
  return whyNot === '' ? all : `${all}, ${formatPlural(made.length, 'initramfs', 'initramfs')} made anew: ${whyNot}`;
}

const kept = ({ files, whyNot }: MadeKept): string =>
  files.length > 0 ? formatPlural(files.length, 'file') : `nothing is kept: ${whyNot}`;

const inWords = <T>(result: Result<T, FixUpError>): Result<T, string> =>
  result.ok ? result : err(describeFixUpError(result.error));
