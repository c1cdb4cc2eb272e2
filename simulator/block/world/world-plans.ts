import type { MigrationId } from '#core/ids';
import type { MigrationPlan } from '#core/migration/plan';
import { after, bytes, minutes, type Instant } from '#core/units';
import type { WavePlan } from '#core/wave/plan';
import { grain } from '#replicator/pipeline/digest';
import type { WorldVm } from './block-vm.ts';
import type { BlockSpec } from '#simulator/block/spec';

/** What each VM of a world is to be moved by. */
export const migrationPlans = ({ wave }: BlockSpec, vms: readonly WorldVm[]): ReadonlyMap<MigrationId, MigrationPlan> =>
  new Map(
    vms.map(({ migration, spec, disks }) => [
      migration,
      {
        vm: { name: spec.name, platform: spec.hypervisor, guest: spec.guest === 'windows' ? 'windows' : 'linux' },
        disks: disks.map((id, index) => ({ id, size: bytes((spec.disks[index]?.grains ?? 1) * grain) })),
        source: `${spec.hypervisor}:${spec.name}`,
        target: 'vcenter:cluster-1',
        downtimeMax: wave.downtimeBudget,
        roundsMax: 10,
        refreshEvery: minutes(5),
        approval: 'given',
        testLaunch: spec.testLaunch && spec.handOver === 'launch' ? 'required' : 'optional',
        handOver: spec.handOver,
        quiesce: { timeout: minutes(2), onRefusal: 'rollBack' },
        onValidationFailure: 'rollBack',
        requester: 'ada',
      },
    ]),
  );

/** The wave that all of them are in. */
export const wavePlanOf = ({ vms, wave }: BlockSpec, start: Instant): WavePlan => ({
  name: 'wave',
  members: vms.map(({ name, application }) => ({
    migration: name as MigrationId,
    after: [],
    ...(application !== null && { application }),
  })),
  window: { opens: after(start, wave.windowStart), closes: after(start, wave.windowEnd) },
  // An application that cuts over together needs a place for each of its members.
  limits: { replicating: wave.syncsMax, cuttingOver: Math.max(wave.cutoversMax, ...applicationSizes(vms)) },
  together: [...new Set(vms.flatMap(({ application }) => application ?? []))],
  retry: { times: 2, after: minutes(2) },
  approval: 'requiredByAnother',
  onWindowClose: 'rollBack',
  requester: 'ada',
});

function applicationSizes(vms: BlockSpec['vms']): readonly number[] {
  const sizes = new Map<string, number>();
  for (const { application } of vms)
    if (application !== null) sizes.set(application, (sizes.get(application) ?? 0) + 1);
  return [...sizes.values()];
}
