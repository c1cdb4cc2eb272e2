import { diskId, type DiskId } from '#core/ids';
import type { ChangeMark, HypervisorError, SourceHypervisor } from '#core/ports/source-hypervisor';
import type { Rng } from '#core/rng';
import { err } from '#core/result';
import { bytes, ratio } from '#core/units';
import { grain } from '#replicator/pipeline/digest';
import { proceduralDisk } from '#simulator/block/disk/procedural-disk';
import { sectorLength } from '#simulator/block/disk/sector-content';
import { ahvSource } from '#simulator/block/sources/ahv';
import type { SimulatedExports } from '#simulator/block/sources/exports';
import { simulatedHost, type SimulatedHost } from '#simulator/block/sources/host';
import { hypervSource } from '#simulator/block/sources/hyperv';
import { kvmSource } from '#simulator/block/sources/kvm';
import type { SimulatedSource } from '#simulator/block/sources/source';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { blockTruth, type BlockTruth, type Order } from './block-truth.ts';

/** Whose hypervisor a walk is about. */
export const walkedVendors = ['kvm', 'hyperv', 'ahv'] as const;

/** How the source of a walk is. */
export interface WalkedSourceShape {
  readonly vendor: (typeof walkedVendors)[number];
  /** Blocks of each disk. */
  readonly blocks: readonly number[];
  /** Whether writes to the last disk cannot be tracked. */
  readonly untracked: boolean;
}

/** When a mark was asked for, and when it was there. */
interface MarkSeen {
  readonly asked: number;
  there: number | undefined;
}

/** What a judge knows of what was asked of a source. */
export interface Asked {
  /** The moments of a mark, by its number; of the last time it was begun. */
  readonly marks: Map<number, MarkSeen>;
  /** When it was asked last what a mark has recorded. */
  readonly changes: Map<number, number>;
  /** When somebody looked at the VM last. */
  inspected: number;
}

/** A small VM whose guest writes when it is told to, and whose judge misses nothing. */
export interface WalkedSource {
  readonly source: SimulatedSource;
  readonly hosts: readonly [SimulatedHost, SimulatedHost];
  readonly disks: readonly { readonly id: DiskId; readonly size: number; readonly isTracked: boolean }[];
  readonly truth: BlockTruth;
  readonly asked: Asked;
  /** The guest writes, zeroes or takes something back, if it runs. */
  write(): void;
  /** A connector that is watched, and lets no mark go that somebody still reads. */
  watched(connector: SourceHypervisor): SourceHypervisor;
}

const vendors = { kvm: kvmSource, hyperv: hypervSource, ahv: ahvSource } as const;

/** Makes one. It runs. */
export function walkedSource(
  { vendor, blocks, untracked }: WalkedSourceShape,
  {
    clock,
    rng,
    exports,
    order,
  }: {
    readonly clock: SimulatedClock;
    readonly rng: Rng;
    readonly exports: SimulatedExports;
    readonly order: Order;
  },
): WalkedSource {
  const hosts = [simulatedHost('host-1'), simulatedHost('host-2')] as const;
  const hardware = blocks.map((count, index) => {
    const isLast = index === blocks.length - 1;
    // The last block is short, as on real disks.
    const size = bytes(count * grain - (isLast ? 3 * sectorLength + 512 : 0));
    const id = diskId(`sd${'abc'.charAt(index)}`);
    const seed = rng.fork(`disk ${index}`).between(1, 0x7fffffff);
    // Blocks that hold nothing have to be among so few.
    const filled = ratio(rng.fork(`filled ${index}`).pick([1, 6]), 48);
    const why = isLast && untracked ? 'it is of a kind that keeps no record of writes' : undefined;
    return { disk: proceduralDisk({ id, seed, size, filled }), untracked: why };
  });
  const options = { name: 'vm', disks: hardware, host: hosts[0], clock, rng: rng.fork('source'), exports };
  const source = vendors[vendor](options);
  const truth = blockTruth(
    hardware.map(({ disk }) => disk),
    order,
  );
  const asked: Asked = { marks: new Map(), changes: new Map(), inspected: 0 };
  const readers = new Set<string>();
  return {
    ...{ source, hosts, truth, asked },
    disks: hardware.map(({ disk, untracked: why }) => ({
      id: disk.id,
      size: disk.size,
      isTracked: why === undefined,
    })),
    write: guestOf(
      source,
      hardware.map(({ disk }) => disk),
      rng.fork('guest'),
    ),
    watched: (connector) => watched(connector, asked, order, readers),
  };
}

/** What its guest does to its disks now and then. */
function guestOf(source: SimulatedSource, disks: readonly ReturnType<typeof proceduralDisk>[], rng: Rng): () => void {
  const kept: (() => void)[] = [];
  const keep = (disk: ReturnType<typeof proceduralDisk>, sector: number): void => {
    const at = Math.floor((sector * sectorLength) / grain) * grain;
    const content = new Uint8Array(Math.min(grain, disk.size - at));
    disk.read(at, content);
    kept.push(() => disk.bytes(at / sectorLength, content));
  };
  return () => {
    if (source.machine.power() !== 'running') return;
    const disk = rng.pick(disks);
    const sectors = disk.versions.length;
    const first = rng.between(0, sectors - 1);
    const count = Math.min(sectors - first, rng.pick([1, 1, 2, 16, 24]));
    const kind = rng.between(0, 9);
    if (kind === 0) disk.trim(first, count);
    // A block becomes again what it was before.
    else if (kind <= 2 && kept.length > 0) kept.splice(rng.between(0, kept.length - 1), 1)[0]?.();
    else {
      if (kind <= 5) keep(disk, first);
      disk.write(first, count);
    }
    if (rng.between(0, 3) === 0) disk.flush();
  };
}

function watched(inner: SourceHypervisor, asked: Asked, order: Order, readers: Set<string>): SourceHypervisor {
  const { marks } = asked;
  const isThere = (number: number): void => {
    const seen = marks.get(number);
    if (seen) seen.there ??= order.next();
  };
  const keyOf = ({ owner, number }: ChangeMark): string => `${owner} ${number}`;
  return {
    inspect: () => {
      asked.inspected = order.next();
      return inner.inspect();
    },
    beginMark: async (mark) => {
      marks.set(mark.number, { asked: order.next(), there: undefined });
      const begun = await inner.beginMark(mark);
      if (begun.ok) isThere(mark.number);
      return begun;
    },
    advanceMark: async (from, to) => {
      if (!marks.has(to.number)) marks.set(to.number, { asked: order.next(), there: undefined });
      const advanced = await inner.advanceMark(from, to);
      if (advanced.ok) isThere(to.number);
      return advanced;
    },
    changes: (mark) => {
      asked.changes.set(mark.number, order.next());
      return inner.changes(mark);
    },
    // As of a server that has the file open, or a bitmap that is in use.
    dropMark: async (mark) => (readers.has(keyOf(mark)) ? err(inUse(mark)) : inner.dropMark(mark)),
    openDisk: async (disk, since) => {
      const opened = await inner.openDisk(disk, since);
      if (opened.ok && since) readers.add(keyOf(since));
      return opened;
    },
    closeDisks: async () => {
      const closed = await inner.closeDisks();
      if (closed.ok) readers.clear();
      return closed;
    },
    pause: () => inner.pause(),
    resume: () => inner.resume(),
    release: async (owner) => {
      const released = await inner.release(owner);
      if (released.ok) readers.clear();
      return released;
    },
    close: () => inner.close(),
  };
}

const inUse = ({ number }: ChangeMark): HypervisorError => ({
  type: 'Refused',
  operation: 'dropMark',
  detail: `mark ${number} is being read`,
});
