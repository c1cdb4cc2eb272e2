import { extentEnd, type Extent } from '#core/disk/extent';
import { diskId, type DiskId } from '#core/ids';
import type { ChangeMark, HypervisorError, SourceHypervisor } from '#core/ports/source-hypervisor';
import { ok, type Result } from '#core/result';
import { bytes, KiB, offset } from '#core/units';
import { proceduralDisk } from '#simulator/block/disk/procedural-disk';
import { ahvSource } from '#simulator/block/sources/ahv';
import type { Call } from '#simulator/block/sources/connector';
import { simulatedExports } from '#simulator/block/sources/exports';
import { simulatedHost } from '#simulator/block/sources/host';
import { hypervSource } from '#simulator/block/sources/hyperv';
import { kvmSource } from '#simulator/block/sources/kvm';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { valueOf } from './value-of.ts';

/** Sources of all vendors, by name. */
export const simulatedVendors = { kvm: kvmSource, hyperv: hypervSource, ahv: ahvSource } as const;
/** A vendor of a source. */
export type VendorName = keyof typeof simulatedVendors;

/** The migration that the tests are about. */
export const owner = 'm1';
/** A mark of it. */
export const markOf = (number: number): ChangeMark => ({ owner, number });

/** One VM of a vendor with two small disks, and copies of them that are made in rounds. */
export function simulatedVm(vendor: VendorName, seed = 1, call?: Call) {
  const clock = virtualClock({ turn: () => new Promise((resolve) => setImmediate(resolve)) });
  const exports = simulatedExports();
  const hosts = [simulatedHost('host-1'), simulatedHost('host-2')] as const;
  const diskOf = (name: string, at: number) => ({
    disk: proceduralDisk({ id: diskId(name), seed: seed * 10 + at, size: bytes(512 * KiB) }),
    untracked: undefined,
  });
  const disks = [diskOf('sda', 1), diskOf('sdb', 2)];
  const rng = seededRng(seed);
  const source = simulatedVendors[vendor]({ name: 'vm-1', disks, host: hosts[0], clock, rng, exports });
  const options = { owner, clock, ...(call && { call }) };
  const hypervisor = source.hypervisor(options);
  const copies = new Map(disks.map(({ disk }) => [disk.id, new Uint8Array(disk.size)]));
  return {
    clock,
    exports,
    hosts,
    disks: disks.map(({ disk }) => disk),
    diskOf,
    source,
    hypervisor,
    power: source.power(options),
    copies,
    run: <T>(work: Promise<T>): Promise<T> => clock.run(work),
    /** Copies one disk, or what a mark recorded of it. */
    copy: (disk: DiskId, since?: ChangeMark) => copyDisk(hypervisor, exports, copies, disk, since),
    /** The roots of the copies. */
    copied: () =>
      new Map(
        [...copies].map(([id, content]) => {
          const plain = proceduralDisk({ id, seed: 0, size: bytes(content.length) });
          plain.bytes(0, content);
          return [id, plain.root()];
        }),
      ),
  };
}

async function copyDisk(
  hypervisor: SourceHypervisor,
  exports: ReturnType<typeof simulatedExports>,
  copies: ReadonlyMap<DiskId, Uint8Array>,
  disk: DiskId,
  since: ChangeMark | undefined,
): Promise<Result<void, HypervisorError>> {
  const located = await hypervisor.openDisk(disk, since);
  if (!located.ok) return located;
  const { device, changes } = valueOf(await exports.openExport(located.value));
  const whole: Extent = { start: offset(0), length: device.size };
  const copy = copies.get(disk) ?? new Uint8Array();
  for (const part of changes === undefined ? [whole] : valueOf(await changes(whole)))
    valueOf(await device.read(part.start, copy.subarray(part.start, extentEnd(part))));
  return ok(undefined);
}
