import type { AhvVm } from '#simulator/endpoints/ahv/vm';
import { parseExportName, parseSnapshotName, snapshotName } from './names.ts';
import type { Trace, VendorVm } from './source.ts';

/** What befalls a source, in the words of Nutanix. */
export function vendorVmOfAhv(vm: AhvVm): VendorVm {
  const { hardware } = vm;
  return {
    hardware,
    start: () => hardware.setPower('running'),
    stop: () => hardware.setPower('off'),
    panic: () => hardware.setPower('crashed'),
    crash: () => hardware.setPower('off'),
    // Recovery points, volume groups and tasks are the cluster's, which goes on without one of its hosts.
    hostLost: () => undefined,
    migrated(keepsTracking) {
      if (!keepsTracking) vm.loseRecoveryPoints();
    },
    forget: (how) => (how === 'silently' ? vm.loseRecoveryPoints() : vm.damageRecoveryPoints()),
    plantForeign(owner) {
      for (const name of ['nightly-backup', snapshotName(`${owner}x`, 0)]) vm.recoveryPointMade(name);
    },
    attach: (disk) => vm.attachDisk(disk),
    detach: (disk) => hardware.detach(disk),
    grow(disk, size) {
      hardware
        .disks()
        .find((candidate) => candidate.disk.id === disk)
        ?.disk.grow(size);
      return true;
    },
    refusePowerOff: (why) => void (vm.faults.powerOffRefused = why),
    refuseTracking(disk, why) {
      if (why === undefined) vm.faults.recoveryPointRefused.delete(disk);
      else vm.faults.recoveryPointRefused.set(disk, why);
    },
    traces: () => tracesOf(vm),
    recording: () => recordingOf(vm),
  };
}

const tracesOf = (vm: AhvVm): readonly Trace[] => [
  ...vm.recoveryPoints().map(({ name, disks }) => ({
    name,
    owner: parseSnapshotName(name)?.owner,
    state: [...disks.values()].map((content) => content.root()).join(),
  })),
  ...vm.volumeGroups().map(({ name }) => ({ name, owner: parseExportName(name)?.owner, state: 'attached' })),
];

function recordingOf(vm: AhvVm): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { name, disks } of vm.recoveryPoints()) {
    const mark = parseSnapshotName(name);
    if (mark === undefined || typeof mark.purpose !== 'number' || (found.get(mark.owner) ?? -1) > mark.purpose)
      continue;
    if ([...disks.keys()].every((disk) => vm.computeChangedRegions(disk, name, name).ok))
      found.set(mark.owner, mark.purpose);
  }
  return found;
}
