import { diskId, type DiskId } from '#core/ids';
import type { Rng } from '#core/rng';
import { err, ok } from '#core/result';
import { alignDown, bytes, ratio } from '#core/units';
import type { WholeDisk } from '#replicator/sentinel/disks/guest-disks';
import type { CpuBuffer, KernelRing, KernelTracing } from '#replicator/sentinel/tracking/kernel-ring';
import { sectorSize, type GuestDisk } from '#simulator/endpoints/guest/guest-disk';
import { controllers } from '#simulator/endpoints/guest/hardware';
import type { RunningGuest } from '#simulator/endpoints/guest/running-guest';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { fillPage, pageFormat, recordsPerPage, requestFormat, type RecordedRequest } from './kernel-records.ts';

/** A disk as the kernel of a guest has it. */
export interface KernelDisk extends WholeDisk {
  readonly disk: GuestDisk;
}

/** The kernel of one boot of a guest, as far as a sentinel asks it. All it has recorded is gone with the guest's power. */
export interface GuestKernel {
  /** The whole disks there are now. A disk keeps its name while it is there; one that comes takes the first that is free. */
  disks(): readonly KernelDisk[];
  readonly tracing: KernelTracing;
  /** More was completed at once than the buffers hold: records are dropped, and counted, until they are read again. */
  overrun(): void;
  /** Somebody else in the guest turns our recording off. */
  turnTracingOff(): void;
}

/** How a kernel is. */
export interface GuestKernelOptions {
  readonly clock: Pick<SimulatedClock, 'now'>;
  readonly rng: Rng;
  /** Whether a disk has requests at all; without them its writes are recorded by nobody. */
  readonly hasRequests?: (disk: DiskId) => boolean;
  /** Pages in the buffer of one CPU. */
  readonly pages?: number;
}

// A look every 20 s finds them far from full, unless a guest writes some 150 times a second.
const pagesDefault = 16;
const lateShare = ratio(1, 8);
const lateMaxMs = 8;
const burst = 1_000;
const blockSize = 512;

/** The kernel of a guest that has just come up. There is one for each boot. */
export function guestKernel(guest: RunningGuest, options: GuestKernelOptions): GuestKernel {
  const { hasRequests = () => true } = options;
  const names = diskTable(guest);
  let ring: Recording | undefined;
  let last: { readonly named: readonly Named[]; readonly disks: readonly KernelDisk[] } | undefined;
  const disks = (): readonly KernelDisk[] => {
    const named = names();
    // Asked with every read: as long as no disk comes, goes or grows they are the same.
    if (last?.named === named && last.disks.every(({ disk, size }) => size === sizeOf(disk))) return last.disks;
    const now = named.map(({ disk, letter, sequence }): KernelDisk => {
      const id = diskId(`${controllers[guest.hardware.controller].prefix}${letter}`);
      return {
        ...{ id, disk, path: `/dev/${id}`, size: sizeOf(disk) },
        ...{ logicalBlockSize: bytes(blockSize), identity: `${sequence}:`, dev: devOf(letter) },
        ...{ requestBased: hasRequests(id), scatteredDiscards: false, partitions: [], layers: [] },
      };
    });
    // The kernel records by number, whichever disk has it by now.
    ring?.watch(now);
    last = { named, disks: now };
    return now;
  };
  return {
    disks,
    tracing: {
      open: (devs) => {
        ring?.end();
        ring = recording(guest, devs, options);
        ring.watch(disks());
        return ok(ring.kernel);
      },
      release: async () => undefined,
    },
    overrun: () => ring?.overrun(),
    turnTracingOff: () => ring?.turnOff(),
  };
}

interface Named {
  readonly disk: GuestDisk;
  readonly letter: string;
  readonly sequence: number;
}

const sizeOf = ({ size }: GuestDisk): KernelDisk['size'] => bytes(alignDown(size, blockSize));

const letters = 'abcdefghijklmnopqrstuvwxyz';
const devOf = (letter: string): number => 254 * 2 ** 20 + letters.indexOf(letter) * 16;

/** Names that stay with disks while they are there; the number of a disk in the order of their appearance is its own. */
function diskTable(guest: RunningGuest): () => readonly Named[] {
  let known: readonly Named[] = [];
  let sequence = 0;
  return () => {
    if (known.length === guest.disks.length && known.every(({ disk }) => guest.disks.includes(disk))) return known;
    const there = known.filter(({ disk }) => guest.disks.includes(disk));
    for (const disk of guest.disks) {
      if (there.some((one) => one.disk === disk)) continue;
      const letter = letters.split('').find((free) => !there.some((one) => one.letter === free)) ?? 'z';
      there.push({ disk, letter, sequence: (sequence += 1) });
    }
    known = there.toSorted((a, b) => (a.letter < b.letter ? -1 : 1));
    return known;
  };
}

interface Entry extends RecordedRequest {
  /** Counted when it is recorded; to be read only then. */
  readonly readableAt: number;
}

interface Cpu {
  readonly entries: Entry[];
  read: number;
  lost: number;
  /** It was full at a moment, and nothing was read since. */
  isOverrun: boolean;
}

interface Recording {
  readonly kernel: KernelRing;
  /** Records what is written to those of the disks that it was told to. */
  watch(disks: readonly KernelDisk[]): void;
  overrun(): void;
  turnOff(): void;
  end(): void;
}

function recording(
  guest: RunningGuest,
  initial: readonly number[],
  { clock, rng, pages = pagesDefault }: GuestKernelOptions,
): Recording {
  const own = rng.fork(`ring at ${clock.now()}`);
  const cpus = Array.from({ length: Math.max(1, guest.hardware.processors) }, (): Cpu => {
    return { entries: [], read: 0, lost: 0, isOverrun: false };
  });
  const watched = new Map<GuestDisk, () => void>();
  let isOn = true;
  let devs = initial;
  let known: readonly KernelDisk[] = [];
  const end = (): void => {
    for (const stop of watched.values()) stop();
    watched.clear();
  };
  const complete = (request: RecordedRequest): void => {
    if (!isOn) return;
    const cpu = own.pick(cpus);
    const isLate = own.chance(lateShare);
    const readableAt = clock.now() + (isLate ? own.between(1, lateMaxMs) : 0);
    if (cpu.isOverrun || cpu.entries.length >= pages * recordsPerPage) {
      cpu.isOverrun = true;
      cpu.lost += 1;
    } else cpu.entries.push({ readableAt, ...request });
  };
  const listen = (dev: number, disk: GuestDisk): (() => void) =>
    disk.onWrite((sector, count) => {
      const perSector = sectorSize / blockSize;
      // Whatever the kernel had is gone with the power, and nobody watches any more.
      if (guest.phase() === 'off') end();
      else complete({ dev, sector: sector * perSector, sectors: count * perSector });
    });
  const watch = (disks: readonly KernelDisk[]): void => {
    known = disks;
    const wanted = new Map(disks.filter(({ dev }) => devs.includes(dev)).map(({ disk, dev }) => [disk, dev]));
    for (const [disk, dev] of wanted) if (!watched.has(disk)) watched.set(disk, listen(dev, disk));
    for (const [disk, stop] of watched) {
      if (wanted.has(disk)) continue;
      stop();
      watched.delete(disk);
    }
  };
  return {
    ...{ watch, end },
    overrun: () => {
      for (const cpu of cpus) Object.assign(cpu, { isOverrun: true, lost: cpu.lost + burst });
    },
    turnOff: () => (isOn = false),
    kernel: {
      page: pageFormat,
      events: new Map([[requestFormat.id, requestFormat]]),
      cpus: cpus.map((cpu) => bufferOf(cpu, clock)),
      pagesMax: pages,
      isOn: () => isOn,
      setDisks: (wanted) => {
        if (guest.phase() !== 'up') return err('No such device');
        devs = wanted;
        return ok(watch(known));
      },
      close: end,
    },
  };
}

const bufferOf = (cpu: Cpu, clock: Pick<SimulatedClock, 'now'>): CpuBuffer => ({
  stats: () => ({ entries: cpu.entries.length, read: cpu.read, lost: cpu.lost }),
  readPage: (page) => {
    const late = cpu.entries.findIndex(({ readableAt }) => readableAt > clock.now());
    const readable = Math.min(recordsPerPage, late === -1 ? cpu.entries.length : late);
    cpu.isOverrun = false;
    if (readable === 0) return 0;
    const taken = cpu.entries.splice(0, readable);
    cpu.read += taken.length;
    return fillPage(page, taken);
  },
});
