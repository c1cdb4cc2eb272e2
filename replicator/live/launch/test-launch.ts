import type { GuestShape, MigrationFact, Reason } from '#core/migration/facts';
import type { FixUpDisk } from '#core/ports/fix-up';
import { describeTargetError } from '#core/ports/target-platform';
import { err, ok, type Result } from '#core/result';
import { came, type Parts, type Perform, type Reconcile } from '#replicator/live/parts';
import { reasonOf } from '#replicator/live/trouble';
import { awaitReport } from './boot.ts';
import { fixUp, guestUnknown, replicasOf } from './fix-up-effects.ts';
import { preparedFor } from './preparing.ts';
import type { StageFile } from '#replicator/sentinel/stage/stage-file';
import type { LaunchSite } from './launch-site.ts';
import { stepTeller, type StepTeller } from './steps.ts';
import { captured, targetName } from './target-effects.ts';

/*
 * A test is made on a copy of the replica, so that replication goes on under it and nothing of it is left when it is over.
 */

/** The name of the clone that a target is tested by. */
export const testName = (target: string): string => `${target}-test`;

/** Copies the replicas, fixes the copy up, starts it in isolation and waits until its guest reports from inside. */
export const launchTest =
  (site: LaunchSite): Perform<'launchTest'> =>
  async (parts, { report, signal }) => {
    const { guest } = await parts.memory();
    if (!guest) return came(launchFailed(guestUnknown));
    const tell = stepTeller('launchTest', report);
    const disks = await copies(site, parts, tell);
    if (!disks.ok) return came(launchFailed(disks.error));
    const checks = site.checks.filter(({ kind }) => kind !== 'address');
    const order: StageFile = { stage: 'test', migration: parts.migration, checks };
    // What is made for the clone is what the cutover will need, if nothing that goes into it changes until then.
    const prepared = await preparedFor(site, parts, (await parts.memory()).lastRoundTook);
    const about = { disks: disks.value, guest, order, step: 'launchTest', report } as const;
    const fixed = await fixUp(site, { ...about, ...(prepared && { prepared }) });
    if (!fixed.ok) return came(launchFailed(fixed.error));
    const launched = await tell.item('launch', 'Start the clone in isolation', () =>
      launch(site, parts, guest, disks.value),
    );
    if (!launched.ok) return came(launchFailed(launched.error));
    const vm = testName(targetName(parts));
    const boot = { vm, stage: 'test' as const, migration: parts.migration, within: site.bootMax };
    const booted = await tell.item('boot', `Boot ${vm} in isolation`, () =>
      awaitReport(site.target, parts.clock, boot, signal),
    );
    const said = await captured(site, vm, 'test');
    if (said) report(said);
    if (!booted.ok) return came(launchFailed(booted.error));
    const wrong = booted.value.checks.filter(({ verdict }) => verdict === 'failed');
    if (wrong.length > 0)
      return came(launchFailed(reasonOf('ChecksFailed', wrong.map(({ message }) => message).join('; '))));
    return came({ type: 'TestLaunched', data: { vm } });
  };

const launchFailed = (reason: Reason): MigrationFact => ({ type: 'TestLaunchFailed', data: { reason } });

/** A test is launched again from nothing: cleaning up what a try left behind is where it begins. */
export const testAgain: Reconcile = async () => ({ type: 'notDone' });

async function copies(
  { overlays }: LaunchSite,
  parts: Parts,
  tell: StepTeller,
): Promise<Result<readonly FixUpDisk[], Reason>> {
  return tell.item('copy', 'Copy the replica', () =>
    // A round that writes to the replica meanwhile would make a copy of no moment.
    parts.replicas.alone(async () => {
      const disks: FixUpDisk[] = [];
      for (const { path } of replicasOf(parts)) {
        const copy = await overlays.copy(path);
        if (!copy.ok) return copy;
        disks.push(copy.value);
      }
      return ok(disks);
    }),
  );
}

async function launch(
  site: LaunchSite,
  parts: Parts,
  { firmware, memory, processors, nics }: GuestShape,
  disks: readonly FixUpDisk[],
): Promise<Result<void, string>> {
  const name = testName(targetName(parts));
  // A clone of an earlier try would be taken for this one.
  const removed = await site.target.remove(name);
  if (!removed.ok) return err(describeTargetError(removed.error));
  const ids = parts.plan.disks.map(({ id }) => id);
  const launched = await site.target.launch(
    {
      ...{ name, firmware, memory, processors },
      disks: disks.flatMap((disk, at) => (ids[at] === undefined ? [] : [{ id: ids[at], ...disk }])),
      nics: nics.map(({ mac }) => ({ mac, network: site.network })),
      ...site.hardware,
    },
    'isolated',
  );
  return launched.ok ? ok(undefined) : err(describeTargetError(launched.error));
}

/** Takes the clone and its disks away. Only what the test made is touched. */
export const cleanUpTest =
  (site: LaunchSite): Perform<'cleanUpTest'> =>
  async (parts, { report }) => {
    const tell = stepTeller('cleanUpTest', report);
    const removed = await tell.item('clone', 'Take the clone away', async () => {
      const gone = await site.target.remove(testName(targetName(parts)));
      if (!gone.ok) return err(describeTargetError(gone.error));
      for (const { path } of replicasOf(parts)) {
        const dropped = await site.overlays.dropCopy(path);
        if (!dropped.ok) return dropped;
      }
      return ok(undefined);
    });
    // What cannot be taken away now is asked about, and taken away once the platform answers.
    return removed.ok ? came({ type: 'TestCleanedUp', data: {} }) : { type: 'unknown', why: removed.error.detail };
  };
