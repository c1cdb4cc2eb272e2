import { diskId, type DiskId } from '#core/ids';
import type { SourceHypervisor } from '#core/ports/source-hypervisor';
import { bytes, MiB } from '#core/units';
import { proceduralDisk } from '#simulator/block/disk/procedural-disk';
import { sectorLength } from '#simulator/block/disk/sector-content';
import { simulatedExports } from '#simulator/block/sources/exports';
import { simulatedHost, type SimulatedHost } from '#simulator/block/sources/host';
import type { SimulatedSource, SourceOptions } from '#simulator/block/sources/source';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { serveSimulatedExports } from './simulated-nbd.ts';
import type { GuestWrite, SourceWorld } from './source-world.ts';

/** What a world of the contract consists of, for what differs from vendor to vendor. */
export interface SimulatedParts {
  readonly source: SimulatedSource;
  readonly hosts: readonly [SimulatedHost, SimulatedHost];
  /** Where the management of a cluster runs, of vendors that have one. */
  readonly management: SimulatedHost;
}

/** How a vendor's hypervisor dies and starts again. */
export interface SimulatedVendor {
  make(options: SourceOptions & { readonly management: SimulatedHost }): SimulatedSource;
  kill(parts: SimulatedParts): void;
  /** After `kill`. */
  revive(parts: SimulatedParts): void;
}

/** Starts worlds of one vendor for the contract. Time is virtual: it goes on while a call of a connector is carried out. */
export const startSimulatedWorld =
  (vendor: SimulatedVendor) =>
  async (owner: string): Promise<SourceWorld> => {
    const clock = virtualClock({ turn: () => new Promise((resolve) => setImmediate(resolve)), isShared: true });
    const exports = simulatedExports();
    const nbd = await serveSimulatedExports(exports);
    const diskOf = (name: string, size: number, seed: number) => ({
      disk: proceduralDisk({ id: diskId(name), seed, size: bytes(size) }),
      untracked: undefined,
    });
    // The second ends neither on a grain nor on a sector.
    const disks = [diskOf('vda', 8 * MiB, 1), diskOf('sdb', 8 * MiB + 3 * 512, 2)];
    const third = diskOf('sdc', 8 * MiB, 3);
    const parts: Omit<SimulatedParts, 'source'> = {
      hosts: [simulatedHost('host-1'), simulatedHost('host-2')],
      management: simulatedHost('management'),
    };
    const [host] = parts.hosts;
    const options = { name: 'vm-1', disks, host, clock, rng: seededRng(1), exports, uriOf: nbd.uriOf };
    const source = vendor.make({ ...options, management: parts.management });
    const world = { ...parts, source };
    let isDead = false;
    const kill = async (): Promise<void> => {
      if (!isDead) vendor.kill(world);
      isDead = true;
    };
    const write = async (id: DiskId, { at, length }: GuestWrite): Promise<void> => {
      const first = Math.floor(at / sectorLength);
      diskNow(id).write(first, Math.ceil((at + length) / sectorLength) - first);
    };
    const diskNow = (id: DiskId) => {
      const found = source.machine.disks.find((disk) => disk.id === id);
      if (found === undefined) throw new Error(`no disk ${id}`);
      return found;
    };
    return {
      owner,
      disks: disks.map(({ disk }) => ({ id: disk.id, size: disk.size })),
      connect: () => inVirtualTime(source.hypervisor({ owner, clock }), (call) => clock.run(call)),
      write,
      // Lets others in between, as a guest does.
      beginWrite: async (id, wish) => {
        await new Promise((resolve) => setImmediate(resolve));
        await write(id, wish);
      },
      finishWrites: async () => undefined,
      content: async (id) => {
        const into = new Uint8Array(diskNow(id).size);
        diskNow(id).read(0, into);
        return into;
      },
      plantForeign: async () => source.faults.plantForeign(owner),
      traces: async () => source.witness.traces(),
      kill,
      async restart() {
        await kill();
        vendor.revive(world);
        isDead = false;
      },
      async resize(id, size) {
        if (!source.faults.growDisk(id, bytes(size))) throw new Error(`${id} could not be resized`);
      },
      async addDisk() {
        source.faults.addDisk(third);
        return third.disk.id;
      },
      removeDisk: async (id) => source.faults.removeDisk(id),
      dispose: () => nbd.dispose(),
    };
  };

/** A connector whose calls let time go on until they are done. */
function inVirtualTime(inner: SourceHypervisor, run: <T>(call: Promise<T>) => Promise<T>): SourceHypervisor {
  return {
    inspect: () => run(inner.inspect()),
    beginMark: (mark) => run(inner.beginMark(mark)),
    advanceMark: (from, to) => run(inner.advanceMark(from, to)),
    changes: (mark) => run(inner.changes(mark)),
    dropMark: (mark) => run(inner.dropMark(mark)),
    openDisk: (disk, since) => run(inner.openDisk(disk, since)),
    closeDisks: () => run(inner.closeDisks()),
    pause: () => run(inner.pause()),
    resume: () => run(inner.resume()),
    release: (owner) => run(inner.release(owner)),
    close: () => inner.close(),
  };
}
