import { KiB } from '#core/units';
import type { KvmDomain } from '#simulator/endpoints/kvm/domain';
import { recordingMarks } from './kvm-marks.ts';
import { bitmapName, parseBitmapName, parseExportName } from './names.ts';
import type { Trace, VendorVm } from './source.ts';

/** What befalls a source, in the words of libvirt and QEMU. */
export function kvmVm(domain: KvmDomain): VendorVm {
  const { hardware } = domain;
  const nodes = () => domain.qemu()?.queryNamedBlockNodes() ?? [];
  return {
    hardware,
    start: () => domain.create(),
    stop: () => hardware.setPower('off'),
    panic() {
      domain.qemu()?.setStatus('guest-panicked');
      domain.follow();
    },
    // The page cache of the host outlives QEMU, so nothing that was written is lost.
    crash: () => hardware.setPower('off'),
    hostLost: () => undefined,
    // QEMU hands no bitmap over that is not persistent, unless it is told to, and nothing here tells it.
    migrated: () => domain.migrate(),
    forget(how) {
      for (const { nodeName, dirtyBitmaps } of nodes())
        for (const bitmap of dirtyBitmaps.values())
          if (how === 'withError') [bitmap.inconsistent, bitmap.recording] = [true, false];
          else domain.qemu()?.bitmapLost(nodeName, bitmap.name);
    },
    plantForeign(owner) {
      const [first, last] = [nodes()[0], nodes().at(-1)];
      if (first === undefined || last === undefined) return;
      const close = bitmapName({ owner: `${owner}x`, number: 0, size: last.disk.size, disks: nodes().length });
      const common = { type: 'block-dirty-bitmap-add', granularity: 64 * KiB, persistent: false } as const;
      domain.qemu()?.transaction([
        { ...common, node: first.nodeName, name: 'nightly-backup' },
        { ...common, node: last.nodeName, name: close },
      ]);
    },
    attach: (disk) => domain.attachDisk(disk),
    detach: (disk) => domain.detachDisk(disk),
    grow(disk, size) {
      domain.blockResize(disk, size);
      return true;
    },
    refusePowerOff: (why) => void (domain.faults.destroyRefused = why),
    refuseTracking(disk, why) {
      if (why === undefined) domain.faults.bitmapRefused.delete(disk);
      else domain.faults.bitmapRefused.set(disk, why);
    },
    traces: () => tracesOf(domain),
    recording: () => recordingMarks({ nodes: nodes(), count: hardware.disks().length }),
  };
}

function tracesOf(domain: KvmDomain): readonly Trace[] {
  const qemu = domain.qemu();
  const bitmaps = (qemu?.queryNamedBlockNodes() ?? []).flatMap(({ nodeName, dirtyBitmaps }) =>
    [...dirtyBitmaps.values()].map(({ name, recording }) => ({
      name,
      owner: parseBitmapName(name)?.owner,
      state: `${recording ? 'recording' : 'disabled'} on ${nodeName}`,
    })),
  );
  const exports = [...(qemu?.queryBlockExports().map(({ id }) => id) ?? []), ...domain.backEndExports];
  return [...bitmaps, ...exports.map((name) => ({ name, owner: parseExportName(name)?.owner, state: 'exported' }))];
}
