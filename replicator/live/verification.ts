import type { Check } from '#core/migration/facts';
import type { MigrationPlan } from '#core/migration/plan';
import { describeHypervisorError, type SourceDisk, type SourceInventory } from '#core/ports/source-hypervisor';
import { formatBytes } from '#core/text/format';
import { describeDiskDifference, diskDifferences, type DiskDifference, type OtherDisks } from './disk-differences.ts';
import { describeReplicationError } from '#replicator/pipeline/replication';
import { err } from '#core/result';
import { whileWanted } from './patience.ts';
import { came, replicaOf, type Parts, type Perform } from './parts.ts';
import { checkPlace, isTaken } from './target-place.ts';
import { withoutSecrets } from './secrets.ts';

/** Looks at everything the migration will need, and changes nothing: not at the source, not at the target. */
export const verifySource: Perform<'verifySource'> = async (parts, { signal }) => {
  const { plan, place, source, otherDisks } = parts;
  const inventory = await source.look((hypervisor) => hypervisor.inspect(), signal);
  const checks: readonly Check[] = [
    ...(inventory.ok
      ? checkSource(plan, inventory.value, otherDisks)
      : [
          failed(
            'source-reachable',
            withoutSecrets(describeHypervisorError(inventory.error)),
            'check that the VM runs and that its monitor can be reached from here, then verify again',
          ),
        ]),
    ...(await checkPlace(place, plan.disks)),
    ...(await checkTargets(parts, signal)),
  ];
  const passes = checks.every(({ verdict }) => verdict !== 'failed');
  return came({ type: passes ? 'VerificationPassed' : 'VerificationFailed', data: { checks } });
};

/** What there is to say of a source that answered. */
export const checkSource = (
  plan: Pick<MigrationPlan, 'disks'>,
  inventory: SourceInventory,
  otherDisks: OtherDisks,
): readonly Check[] => [
  passed('source-reachable', `${inventory.hypervisor} answers for ${inventory.name}`),
  inventory.power === 'running'
    ? passed('source-running', 'the guest runs')
    : failed(
        'source-running',
        `the guest is ${inventory.power}`,
        'start the guest: what it is now is what a rollback would give back',
      ),
  // Nothing is said of disks that nobody can name while the guest is off.
  ...(inventory.disks ? checkDisks(plan, inventory.disks, otherDisks) : []),
];

const checkDisks = (
  plan: Pick<MigrationPlan, 'disks'>,
  disks: readonly SourceDisk[],
  otherDisks: OtherDisks,
): readonly Check[] => [
  ...diskDifferences(plan, disks, otherDisks).map(checkOfDifference),
  ...disks.filter(({ id }) => plan.disks.some((disk) => disk.id === id)).map(checkTracking),
];

function checkOfDifference(difference: DiskDifference): Check {
  const message = describeDiskDifference(difference);
  switch (difference.type) {
    case 'missing':
      return failed(`disk-present:${difference.disk}`, message, 'plan the migration anew with the disks there are');
    case 'resized':
      return failed(`disk-size:${difference.disk}`, message, 'plan the migration anew with the size it has');
    case 'unplanned':
      return failed(
        `disk-planned:${difference.disk}`,
        message,
        'plan the migration anew, or name the disks that are to move',
      );
  }
}

/** Whether each replica can be made where it is to be: nothing is there, and whoever keeps it answers. */
async function checkTargets(parts: Parts, signal: AbortSignal): Promise<readonly Check[]> {
  const memory = await parts.memory();
  return Promise.all(
    parts.plan.disks.map(async ({ id }): Promise<Check> => {
      const replica = replicaOf(parts, memory, id);
      const found = await whileWanted(signal, parts.path.inspect(replica), err({ type: 'Cancelled' }));
      const check = `target-free:${id}`;
      if (!found.ok) {
        const message = withoutSecrets(describeReplicationError(found.error));
        return failed(check, message, 'remove the cause or give another target, then verify again');
      }
      if (found.value) return passed(check, `${replica.target} is a replica of this very migration, which goes on`);
      if (await isTaken(parts.place, id))
        return failed(
          check,
          `${replica.target} is there already and is no replica of ours`,
          'give another target, or move it away',
        );
      return passed(check, `${replica.target} is free`);
    }),
  );
}

function checkTracking({ id, size, tracking }: SourceDisk): Check {
  if (tracking.possible)
    return passed(`disk-trackable:${id}`, `disk ${id} (${formatBytes(size)}): its writes can be tracked`);
  return {
    id: `disk-trackable:${id}`,
    verdict: 'warning',
    message: `disk ${id} (${formatBytes(size)}): its writes cannot be tracked (${tracking.why}), so every round reads all of it, the final one too`,
    remedy: 'make its writes trackable, or plan for a downtime in which it can be read once',
  };
}

const passed = (id: string, message: string): Check => ({ id, verdict: 'passed', message, remedy: '' });
const failed = (id: string, message: string, remedy: string): Check => ({ id, verdict: 'failed', message, remedy });
