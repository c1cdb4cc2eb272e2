import type { DiskId } from '#core/ids';
import { err, ok, type Result } from '#core/result';
import type { Bytes } from '#core/units';
import type { HardwareDisk, VirtualHardware } from '#simulator/endpoints/hardware';
import { qemuProcess, type Qemu, type RefusesBitmap } from './qemu.ts';

/** What libvirt answers when it does not do what it was asked, by the names of its error codes. */
export type LibvirtError =
  | { readonly code: 'VIR_ERR_OPERATION_FAILED'; readonly message: string }
  | { readonly code: 'VIR_ERR_OPERATION_INVALID'; readonly message: string };

/** A disk that QEMU does not serve itself, with where it can be read beside QEMU. */
const servedElsewhere = (disk: HardwareDisk): boolean => disk.untracked !== undefined;

/**
 * A libvirt domain: a VM that is defined, and while it runs the QEMU of it.
 * @differs A monitor follows its domain to whatever host it runs on.
 */
export interface KvmDomain {
  readonly hardware: VirtualHardware;
  /** The QEMU it runs in, if it does. */
  qemu(): Qemu | undefined;
  /** `virDomainCreate`: starts it from its disks. One that runs is left alone. */
  create(): void;
  /** `virDomainDestroy`: ends QEMU at once. */
  destroy(): Result<void, LibvirtError>;
  /** Stops or continues the guest, or tells what became of it: the hardware follows QEMU. */
  follow(): void;
  attachDisk(disk: HardwareDisk): void;
  detachDisk(id: DiskId): void;
  /** `virDomainBlockResize`. */
  blockResize(id: DiskId, size: Bytes): void;
  /** Live migration: another QEMU goes on with the guest, and the one that ran it ends. */
  migrate(): void;
  /** By which names disks that QEMU does not serve are read beside it. */
  readonly backEndExports: Set<string>;
  readonly faults: {
    /** Why `virDomainDestroy` fails, while it does: such as a process that no signal ends. */
    destroyRefused: string | undefined;
    /** Why a disk takes no bitmap, by the name of its node. */
    readonly bitmapRefused: Map<string, string>;
  };
}

/** Defines a domain over hardware. It is shut off. */
export function kvmDomain(hardware: VirtualHardware): KvmDomain {
  let qemu: Qemu | undefined;
  const faults: KvmDomain['faults'] = { destroyRefused: undefined, bitmapRefused: new Map() };
  const backEndExports = new Set<string>();
  const refusesBitmap: RefusesBitmap = (node) => faults.bitmapRefused.get(node);
  const startQemu = (): Qemu =>
    qemuProcess(
      hardware
        .disks()
        .filter((disk) => !servedElsewhere(disk))
        .map(({ disk }) => ({ nodeName: disk.id, disk })),
      refusesBitmap,
    );
  // Whatever ends the hardware ends the process: a host that lost its power has no QEMU any more.
  hardware.onPower((power) => {
    if (power !== 'off') return;
    qemu?.end();
    qemu = undefined;
    backEndExports.clear();
  });
  return {
    hardware,
    faults,
    backEndExports,
    qemu: () => qemu,
    /**
     * `virDomainCreate`.
     * @source QEMU 7.2, docs/interop/bitmaps.rst: a bitmap that is not persistent ends with its process, so a new one has none
     */
    create() {
      if (qemu !== undefined) return;
      qemu = startQemu();
      hardware.setPower('running');
    },
    destroy() {
      if (qemu === undefined) return ok(undefined);
      if (faults.destroyRefused !== undefined)
        return err({ code: 'VIR_ERR_OPERATION_FAILED', message: faults.destroyRefused });
      hardware.setPower('off');
      return ok(undefined);
    },
    follow() {
      const status = qemu?.queryStatus();
      if (status === 'running' || status === 'paused') hardware.setPower(status);
      else if (status === 'guest-panicked') hardware.setPower('crashed');
      else if (status === 'shutdown') hardware.setPower('off');
    },
    attachDisk(added) {
      hardware.attach(added);
      if (!servedElsewhere(added)) qemu?.blockdevAdd(added.disk.id, added.disk);
    },
    detachDisk(id) {
      hardware.detach(id);
      qemu?.deviceDel(id);
    },
    /**
     * `virDomainBlockResize`.
     * @source QEMU 7.2, block/dirty-bitmap.c: bitmaps become longer with their node, and the new part is clean in them
     */
    blockResize(id, size) {
      hardware
        .disks()
        .find(({ disk }) => disk.id === id)
        ?.disk.grow(size);
    },
    /**
     * Live migration.
     * @source QEMU 7.2, docs/interop/bitmaps.rst and migration capability dirty-bitmaps: without it bitmaps stay behind
     */
    migrate() {
      if (qemu === undefined) return;
      const moved = startQemu();
      moved.setStatus(qemu.queryStatus());
      qemu.end();
      qemu = moved;
    },
  };
}
