import { fitsDowntime } from '#core/migration/chart';
import type { FixUpDisk, PreparedUse } from '#core/ports/fix-up';
import { ok, type Result } from '#core/result';
import type { Millis } from '#core/units';
import type { Parts, Perform } from '#replicator/live/parts';
import { runDeltaSync } from '#replicator/live/replication-effects';
import type { StageFile } from '#replicator/sentinel/stage/stage-file';
import { fixUp, preparedFolder, replicasOf } from './fix-up-effects.ts';
import type { LaunchSite } from './launch-site.ts';
import { stepTeller } from './steps.ts';

/*
 * An initramfs takes longer to make than all else that a fix-up does. It is made before the cutover, on the clone of a
 * test launch where the plan has one, and else on an overlay that is taken away; the cutover puts it in place if the
 * same would be made again, and makes it anew otherwise.
 */

/** Where to keep what is made, and of what guest it is made; undefined if what is on the replica may be there by half. */
export async function preparedFor(
  site: LaunchSite,
  parts: Parts,
  roundTook: Millis | null,
): Promise<Extract<PreparedUse, { type: 'make' }> | undefined> {
  const of = await stateOf(site);
  if (of === undefined || roundTook === null) return undefined;
  return { type: 'make', folder: preparedFolder(site, replicasOf(parts)), roundTook, of };
}

/** What tells whether an initramfs is worth making again: a guest that was started again. Asking runs nothing in it. */
async function stateOf({ agent }: LaunchSite): Promise<string | undefined> {
  const found = await agent.look();
  return found.ok ? found.value.sentinel.bootId : undefined;
}

// A guest whose files cannot be relied on or listed is not tried again after every round.
const triesMax = 3;

/**
 * A delta sync as of any source. Once the replica is close enough for the cutover, and no test has made it or will, what
 * takes long is made as the last part of the round: rounds write to the replica, and none begins before this one is over.
 */
export function syncAndPrepare(site: LaunchSite): Perform<'runDeltaSync'> {
  const tries = new Map<string, number>();
  return async (parts, order) => {
    const outcome = await runDeltaSync(parts, order);
    const [fact] = outcome.type === 'facts' ? outcome.facts : [];
    const { plan } = parts;
    if (fact?.type !== 'RoundCompleted' || !fitsDowntime(plan, fact.data)) return outcome;
    const { tested } = await parts.memory();
    if (plan.testLaunch === 'required' && !tested) return outcome;
    const prepared = await preparedFor(site, parts, fact.data.resumed > 0 ? null : fact.data.duration);
    if (prepared === undefined || order.signal.aborted) return outcome;
    const tried = tries.get(prepared.of) ?? 0;
    const [boot] = replicasOf(parts);
    if (tried >= triesMax || (await site.overlays.preparedOf(boot?.path ?? '')) === prepared.of) return outcome;
    tries.set(prepared.of, tried + 1);
    // What comes of it is told item by item. A cutover without it takes longer, and that is all.
    await parts.replicas.alone(() => prepare(site, parts, order, prepared));
    return outcome;
  };
}

async function prepare(
  site: LaunchSite,
  parts: Parts,
  { report, signal }: Parameters<Perform<'runDeltaSync'>>[1],
  prepared: PreparedUse,
): Promise<void> {
  const { guest } = await parts.memory();
  if (!guest) return;
  const replicas = replicasOf(parts);
  const tell = stepTeller('runDeltaSync', report);
  try {
    const disks = await tell.item('trial', 'Put an overlay on the replica to prepare the fix-up', () =>
      trials(site, replicas),
    );
    if (!disks.ok) return;
    const order: StageFile = { stage: 'target', migration: parts.migration, checks: site.checks };
    await fixUp(site, { disks: disks.value, guest, order, step: 'runDeltaSync', report, prepared, signal });
  } finally {
    for (const { path } of replicas) await site.overlays.dropTrial(path);
  }
}

async function trials(
  { overlays }: LaunchSite,
  replicas: readonly { readonly path: string }[],
): Promise<Result<readonly FixUpDisk[], string>> {
  const disks: FixUpDisk[] = [];
  for (const { path } of replicas) {
    const trial = await overlays.makeTrial(path);
    if (!trial.ok) return trial;
    disks.push(trial.value);
  }
  return ok(disks);
}
