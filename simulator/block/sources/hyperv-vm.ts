import type { VirtualSystem } from '#simulator/endpoints/hyperv/virtual-system';
import { parseExportName, parseSnapshotName, snapshotName } from './names.ts';
import type { Trace, VendorVm } from './source.ts';

/** What befalls a source, in the words of Hyper-V. */
export function hypervVm(system: VirtualSystem): VendorVm {
  const { hardware } = system;
  return {
    hardware,
    start: () => hardware.setPower('running'),
    stop: () => hardware.setPower('off'),
    panic: () => hardware.setPower('crashed'),
    // The worker process of the VM dies. Disks and their tracking are the host's, which closes them in order.
    crash: () => hardware.setPower('off'),
    hostLost: () => system.hostLost(),
    migrated(keepsTracking) {
      system.opened.clear();
      system.jobs.abandon({ type: 'Failed', detail: 'the virtual machine was moved' });
      if (!keepsTracking) system.resetTracking();
    },
    forget: (how) => (how === 'silently' ? system.forgetReferencePoints() : system.resetTracking()),
    plantForeign(owner) {
      for (const name of ['Nightly Backup', snapshotName(`${owner}x`, 0)]) system.referencePointMade(name);
    },
    attach: (disk) => hardware.attach(disk),
    detach: (disk) => hardware.detach(disk),
    grow: (disk, size) => system.resizeVirtualHardDisk(disk, size).ok,
    refusePowerOff: (why) => void (system.faults.turnOffRefused = why),
    refuseTracking(disk, why) {
      if (why === undefined) system.faults.trackingRefused.delete(disk);
      else system.faults.trackingRefused.set(disk, why);
    },
    traces: () => tracesOf(system),
    recording: () => recordingOf(system),
  };
}

function tracesOf(system: VirtualSystem): readonly Trace[] {
  const named = (name: string, state: string): Trace => ({ name, owner: parseSnapshotName(name)?.owner, state });
  return [
    ...system.referencePoints().map(({ elementName, rctIds }) => named(elementName, [...rctIds.values()].join())),
    ...system.checkpoints().map(({ elementName }) => named(elementName, 'checkpoint')),
    ...[...system.opened.keys()].map((name) => ({ name, owner: parseExportName(name)?.owner, state: 'opened' })),
  ];
}

function recordingOf(system: VirtualSystem): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const points = [
    ...system.referencePoints(),
    ...system.checkpoints().map(({ elementName, disks }) => ({
      elementName,
      rctIds: new Map([...disks].map(([disk, { rctId }]) => [disk, rctId])),
    })),
  ];
  for (const { elementName, rctIds } of points) {
    const name = parseSnapshotName(elementName);
    if (name === undefined || typeof name.purpose !== 'number' || (found.get(name.owner) ?? -1) > name.purpose)
      continue;
    if ([...rctIds].every(([disk, id]) => system.getVirtualDiskChanges(disk, id).ok))
      found.set(name.owner, name.purpose);
  }
  return found;
}
