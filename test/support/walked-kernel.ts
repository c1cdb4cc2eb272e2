import { diskId, type DiskId } from '#core/ids';
import { ok } from '#core/result';
import type { Rng } from '#core/rng';
import { bytes, ratio, type Bytes } from '#core/units';
import type { WholeDisk } from '#replicator/sentinel/disks/guest-disks';
import type { CpuBuffer, KernelRing, KernelTracing } from '#replicator/sentinel/tracking/kernel-ring';
import type { PageFormat } from '#replicator/sentinel/tracking/trace-format';
import { requestFormat } from '#simulator/block/target/sentinel/kernel-records';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';

/*
 * The kernel of a guest that tracks its own writes, down to the bytes of its pages, with all that is on them: time stamps,
 * padding, flushes, reads that no filter kept out, long records, and now and then a record that nobody understands.
 *
 * @source Linux 6.1, Documentation/trace/ring-buffer-design.rst and events/block/block_rq_complete/format
 */

/** A disk of the guest, and how often its blocks were written. */
export interface WalkedDisk {
  readonly id: DiskId;
  readonly dev: number;
  readonly identity: string;
  size: Bytes;
  /** Its driver merges discards of ranges that do not touch. */
  readonly scatteredDiscards: boolean;
  readonly requestBased: boolean;
}

/** Why what was completed is not on the pages: dropped and counted, dropped and told of on the next page, or unreadable. */
export type KernelTrouble = 'counted' | 'saidOnThePage' | 'notUnderstood';

/** The kernel of one boot. */
export interface WalkedKernel {
  readonly tracing: KernelTracing;
  /** A request was completed: a range in bytes of one disk, or several of one discard. `trouble` is of its record. */
  complete(
    disk: WalkedDisk,
    ranges: readonly { readonly at: number; readonly length: number }[],
    kind: 'W' | 'D' | 'N',
    trouble?: KernelTrouble,
  ): void;
  /** Something that is no write is recorded as well. */
  murmur(disk: WalkedDisk): void;
  /** Somebody else in the guest turns the recording off. */
  turnOff(): void;
}

/** A disk as the sentinel lists it. */
export const listed = (disk: WalkedDisk): WholeDisk => ({
  ...{ id: disk.id, path: `/dev/${disk.id}`, size: disk.size, logicalBlockSize: bytes(512), dev: disk.dev },
  ...{ identity: disk.identity, requestBased: disk.requestBased, scatteredDiscards: disk.scatteredDiscards },
  ...{ partitions: [], layers: [] },
});

/** A name for the n-th disk. */
export const nameOf = (nth: number): DiskId => diskId(`vd${'abcdefgh'.charAt(nth)}`);

const page: PageFormat = { commit: { offset: 8, size: 8 }, data: { offset: 16, size: 496 } };
const payload = 44;
const missedFlag = 0x8000_0000;

interface Entry {
  readonly bytes: Buffer;
  readonly readableAt: number;
  readonly missedBefore: boolean;
}

interface Cpu {
  entries: Entry[];
  read: number;
  lost: number;
}

/** A kernel that has just booted, with two processors. */
export function walkedKernel(clock: SimulatedClock, rng: Rng): WalkedKernel {
  const cpus: readonly Cpu[] = [0, 1].map(() => ({ entries: [], read: 0, lost: 0 }));
  let devs: readonly number[] | undefined;
  let isOn = true;
  const pagesMax = 4;
  const room = pagesMax * Math.floor(page.data.size / (payload + 4));
  const record = (bytes_: Buffer, how?: KernelTrouble): void => {
    const cpu = rng.pick(cpus);
    const isLate = rng.chance(ratio(1, 8));
    const readableAt = clock.now() + (isLate ? rng.between(1, 8) : 0);
    // When a buffer is full the kernel drops what is new, and counts it.
    if (how === 'counted' || cpu.entries.length >= room) return void (cpu.lost += 1);
    const missedBefore = how === 'saidOnThePage';
    const entry = how === 'notUnderstood' ? strange(bytes_) : bytes_;
    // What was dropped is told of on the page that follows it.
    cpu.entries.push({ bytes: missedBefore ? flush() : entry, readableAt, missedBefore });
  };
  const ring: KernelRing = {
    page,
    events: new Map([[requestFormat.id, requestFormat]]),
    cpus: cpus.map((cpu) => bufferOf(cpu, clock, rng)),
    pagesMax,
    isOn: () => isOn,
    setDisks: (wanted) => {
      devs = wanted;
      return ok(undefined);
    },
    close: () => {
      devs = undefined;
      for (const cpu of cpus) cpu.entries = [];
    },
  };
  return {
    tracing: {
      open: (wanted) => {
        devs = wanted;
        isOn = true;
        for (const cpu of cpus) Object.assign(cpu, { entries: [], read: 0, lost: 0 });
        return ok(ring);
      },
      release: async () => undefined,
    },
    complete: ({ dev, scatteredDiscards }, ranges, kind, trouble) => {
      if (!isOn || devs?.includes(dev) !== true) return;
      const isMerged = kind === 'D' && scatteredDiscards;
      const [first] = ranges;
      if (!first) return;
      // One request with several ranges is recorded with its first place and the sum of its lengths.
      const sum = ranges.reduce((total, { length }) => total + length, 0);
      for (const { at, length } of isMerged ? [{ at: first.at, length: sum }] : ranges)
        record(request(dev, at / 512, length / 512, kind === 'W' ? 'FWS' : kind), trouble);
    },
    murmur: ({ dev }) => {
      if (!isOn || devs?.includes(dev) !== true) return;
      record(rng.pick([flush(), request(dev, 8, 8, 'RS')]));
    },
    turnOff: () => (isOn = false),
  };
}

function request(dev: number, sector: number, sectors: number, letters: string): Buffer {
  const bytes_ = Buffer.alloc(payload);
  bytes_.writeUInt16LE(requestFormat.id, 0);
  bytes_.writeUInt32LE(dev, requestFormat.dev.offset);
  bytes_.writeBigUInt64LE(BigInt(sector), requestFormat.sector.offset);
  bytes_.writeUInt32LE(sectors, requestFormat.sectors.offset);
  bytes_.write(letters, requestFormat.rwbs.offset, 'latin1');
  return bytes_;
}

const flush = (): Buffer => request(0, 0, 0, 'F');

/** A record of an event that was not there when the layouts were read. */
function strange(known: Buffer): Buffer {
  const bytes_ = Buffer.from(known);
  bytes_.writeUInt16LE(requestFormat.id + 7, 0);
  return bytes_;
}

const bufferOf = (cpu: Cpu, clock: SimulatedClock, rng: Rng): CpuBuffer => ({
  stats: () => ({ entries: cpu.entries.length, read: cpu.read, lost: cpu.lost }),
  readPage: (into) => {
    const late = cpu.entries.findIndex(({ readableAt }) => readableAt > clock.now());
    const readable = cpu.entries.slice(0, late === -1 ? cpu.entries.length : late);
    const written = pageOf(Buffer.from(into.buffer, into.byteOffset, into.byteLength), readable, rng);
    cpu.entries = cpu.entries.slice(written);
    cpu.read += written;
    return written === 0 ? 0 : page.data.offset + page.data.size;
  },
});

/** Puts records on a page, as they fit, with what else is there. Answers how many. */
function pageOf(into: Buffer, entries: readonly Entry[], rng: Rng): number {
  into.fill(0);
  const end = page.data.offset + page.data.size;
  let at = page.data.offset;
  let missed = false;
  let count = 0;
  for (const { bytes: content, missedBefore } of entries) {
    // A page says of what is before it, not of what is within.
    if (missedBefore && count > 0) break;
    const form = rng.between(0, 5);
    if (at + content.length + 20 > end) break;
    if (form === 0) {
      into.writeUInt32LE(30, at);
      at += 8;
    }
    if (form === 1) {
      into.writeUInt32LE((1 << 5) | 29, at);
      into.writeUInt32LE(8, at + 4);
      at += 12;
    }
    if (form === 2) {
      into.writeUInt32LE(0, at);
      into.writeUInt32LE(content.length + 4, at + 4);
      at += 8;
    } else {
      into.writeUInt32LE(content.length / 4, at);
      at += 4;
    }
    content.copy(into, at);
    at += content.length;
    missed ||= missedBefore;
    count += 1;
  }
  into.writeUInt32LE(((at - page.data.offset) | (missed ? missedFlag : 0)) >>> 0, page.commit.offset);
  return count;
}
