import fc from 'fast-check';
import { extent, extentEnd } from '#core/disk/extent';
import type { ChangeMark } from '#core/ports/source-hypervisor';
import { ok, type Result } from '#core/result';
import { bytes, instant, KiB, millis } from '#core/units';
import { trackerOver, type Tracker } from '#replicator/sentinel/tracking/tracker';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import {
  listed,
  nameOf,
  walkedKernel,
  type KernelTrouble,
  type WalkedDisk,
  type WalkedKernel,
} from './walked-kernel.ts';

/*
 * The sentinel's own change tracking over a kernel that is made up byte for byte: every write is in a mark, or the mark is
 * lost, and it is lost only for a reason.
 */

/** One thing that happens. */
export interface TrackingTurn {
  readonly kind: (typeof kinds)[number];
  readonly pick: number;
  readonly at: number;
  readonly length: number;
}

const kinds = [
  ...(['write', 'write', 'write', 'write', 'discard', 'zero', 'murmur', 'wait', 'advance', 'advance', 'look'] as const),
  ...([
    'burst',
    'counted',
    'saidOnThePage',
    'notUnderstood',
    'turnedOff',
    'restart',
    'exchange',
    'grow',
    'add',
  ] as const),
  ...(['remove', 'others'] as const),
] as const;

type Spoiling = KernelTrouble | 'turnedOff' | 'exchange' | 'grow' | 'add' | 'remove';

/** One walk. */
export interface TrackingWalk {
  readonly seed: number;
  /** Disks: how long, in sectors of 512 bytes, and whether their discards are merged. */
  readonly disks: readonly { readonly sectors: number; readonly scattered: boolean; readonly tracked: boolean }[];
  readonly turns: readonly TrackingTurn[];
}

const anyTurn: fc.Arbitrary<TrackingTurn> = fc.record({
  kind: fc.constantFrom(...kinds),
  pick: fc.nat(20),
  at: fc.nat(2_000),
  length: fc.oneof(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 300 })),
});

/** Whatever may happen to a guest that tracks its writes. */
export const anyTrackingWalk: fc.Arbitrary<TrackingWalk> = fc.record({
  seed: fc.nat(),
  disks: fc.array(
    fc.record({
      sectors: fc.integer({ min: 100, max: 2_000 }),
      scattered: fc.boolean(),
      tracked: fc.oneof({ weight: 6, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  turns: fc.array(anyTurn, { maxLength: 60, size: 'max' }),
});

const grain = 64 * KiB;
const mark = (number: number): ChangeMark => ({ owner: 'm', number });

/** Walks, and throws the story of what is wrong. */
export async function soundTracking(walk: TrackingWalk): Promise<void> {
  const tracked = new Tracked(walk);
  await tracked.walk();
}

interface Written {
  readonly disk: WalkedDisk;
  readonly block: number;
  readonly moment: number;
}

/** A mark as the judge knows it. */
interface Known {
  /** From here on every write is in it. */
  readonly from: number;
  /** Up to here they are; Infinity while it records. */
  until: number;
  /** The disks there were. */
  readonly begunOn: string;
  /** Why it may be lost. */
  spoilt: string | undefined;
}

class Tracked {
  readonly #walk: TrackingWalk;
  readonly #clock = virtualClock({ start: instant(1_000), turn: () => new Promise((done) => setImmediate(done)) });
  readonly #rng;
  readonly #story: string[] = [];
  readonly #written: Written[] = [];
  readonly #marks = new Map<number, Known>();
  #disks: WalkedDisk[];
  #kernel: WalkedKernel;
  #tracker: Tracker;
  #moment = 0;
  #number = 0;
  #names = 0;

  constructor(walk: TrackingWalk) {
    this.#walk = walk;
    this.#rng = seededRng(walk.seed);
    this.#disks = walk.disks.map(({ sectors, scattered, tracked }) => this.#newDisk(sectors, scattered, tracked));
    this.#kernel = walkedKernel(this.#clock, this.#rng.fork('kernel'));
    this.#tracker = this.#newTracker();
  }

  async walk(): Promise<void> {
    await this.#clock.run(this.#all());
  }

  async #all(): Promise<void> {
    await this.#begin();
    for (const turn of this.#walk.turns) await this.#take(turn);
    await this.#advance();
    await this.#tracker.close();
  }

  #newDisk(sectors: number, scatteredDiscards: boolean, requestBased: boolean): WalkedDisk {
    this.#names += 1;
    const [id, identity, dev] = [nameOf(this.#names - 1), `${this.#names}:`, (254 << 20) | (this.#names * 16)];
    return { id, identity, dev, size: bytes(sectors * 512), scatteredDiscards, requestBased };
  }

  #newTracker(): Tracker {
    const listDisks = async () => this.#disks.map(listed);
    return trackerOver({ clock: this.#clock, listDisks, tracing: ok(this.#kernel.tracing), lookEveryMs: 200 });
  }

  async #take({ kind, pick, at, length }: TrackingTurn): Promise<void> {
    this.#story.push(`${this.#clock.now()} ${kind} ${pick} ${at} ${length}`);
    const disk = this.#disks[pick % Math.max(1, this.#disks.length)];
    switch (kind) {
      case 'write':
      case 'zero':
        return disk && this.#write(disk, [rangeIn(disk, at, length)], kind === 'zero' ? 'N' : 'W');
      case 'discard':
        return disk && this.#write(disk, [rangeIn(disk, at, length), rangeIn(disk, at + 700, length)], 'D');
      case 'burst':
        for (let nth = 0; disk && nth < 60; nth += 1) this.#write(disk, [rangeIn(disk, at + nth * 31, 1)], 'W');
        return;
      case 'murmur':
        return disk && this.#kernel.murmur(disk);
      case 'wait':
        return this.#clock.wait(millis(pick * 20));
      case 'look':
        return this.#look(Math.max(0, this.#number - (pick % 2)));
      case 'advance':
        return this.#advance();
      case 'others':
        return void (await this.#tracker.begin({ owner: 'n', number: at }));
      case 'restart':
        return this.#restart(pick % 2 === 0);
      default:
        return this.#spoil(kind, disk, length);
    }
  }

  /** A write is done: by now it is on the disk, and the kernel has recorded it. */
  #write(disk: WalkedDisk, ranges: readonly Range[], kind: 'W' | 'D' | 'N', trouble?: KernelTrouble): void {
    for (const { at, length } of ranges)
      for (let block = Math.floor(at / grain); block * grain < at + length; block += 1)
        this.#written.push({ disk, block, moment: (this.#moment += 1) });
    if (kind === 'D' && disk.scatteredDiscards && disk.requestBased) this.#spoilRecording('discards were merged');
    this.#kernel.complete(disk, ranges, kind, trouble);
  }

  #spoil(kind: Spoiling, disk: WalkedDisk | undefined, length: number): void {
    const index = disk ? this.#disks.indexOf(disk) : -1;
    switch (kind) {
      case 'exchange':
        if (!disk) return;
        this.#disks[index] = { ...disk, identity: `${disk.identity}x` };
        return;
      case 'grow':
        if (disk) disk.size = bytes(disk.size + length * 512);
        return;
      case 'add':
        if (this.#disks.length < 5) this.#disks.push(this.#newDisk(length + 50, false, true));
        return;
      case 'remove':
        this.#disks = this.#disks.filter((each) => each !== disk);
        return;
      case 'turnedOff':
        this.#kernel.turnOff();
        return this.#spoilRecording(kind);
      default:
        if (disk) this.#write(disk, [rangeIn(disk, length, 1)], 'W', kind);
        return this.#spoilRecording(kind);
    }
  }

  #sight(): string {
    return this.#disks.map(({ id, identity, size }) => `${id} ${identity} ${size}`).join();
  }

  #spoilRecording(why: string): void {
    for (const known of this.#marks.values()) if (known.until === Infinity) known.spoilt ??= why;
  }

  /** The sentinel dies and is started again, or the whole guest is. */
  async #restart(reboots: boolean): Promise<void> {
    this.#marks.clear();
    if (reboots) this.#kernel = walkedKernel(this.#clock, this.#rng.fork(`kernel ${this.#moment}`));
    else await this.#tracker.close();
    this.#tracker = this.#newTracker();
    const before = await this.#tracker.changes(mark(this.#number));
    if (before.ok) this.#wrong('L6 a mark outlives the process that kept it');
    await this.#begin();
  }

  async #begin(): Promise<void> {
    this.#number += 1;
    await this.#tracker.release('m');
    const began = await this.#tracker.begin(mark(this.#number));
    if (!began.ok) this.#wrong(`a mark cannot be begun: ${began.error.detail}`);
    this.#marks.clear();
    this.#marks.set(this.#number, this.#newMark());
  }

  #newMark(): Known {
    return { from: this.#moment, until: Infinity, begunOn: this.#sight(), spoilt: undefined };
  }

  async #advance(): Promise<void> {
    const from = this.#number;
    const [before, known] = [this.#moment, this.#marks.get(from)];
    const advanced = await this.#tracker.advance(mark(from), mark(from + 1));
    if (!this.#isHeld(from, advanced)) return this.#begin();
    this.#number += 1;
    if (known) known.until = before;
    this.#marks.set(this.#number, this.#newMark());
    await this.#look(from);
    await this.#prove(from);
    await this.#tracker.drop(mark(from));
    this.#marks.delete(from);
  }

  /** Whether a mark is there, and whether it should be. */
  #isHeld(number: number, answer: Result<unknown, { readonly type: string; readonly detail: string }>): boolean {
    const known = this.#marks.get(number);
    const areOthers = known !== undefined && known.begunOn !== this.#sight();
    if (answer.ok && areOthers) this.#wrong(`L7 mark ${number} is taken for whole, and its disks are others`);
    if (!answer.ok && known && known.spoilt === undefined && !areOthers && !this.#mayOverflow())
      this.#wrong(`L6 nothing was lost, and it says: ${answer.error.detail}`);
    return answer.ok;
  }

  /** More was written than buffers hold, at some time. */
  #mayOverflow(): boolean {
    return this.#story.some((line) => line.includes('burst'));
  }

  async #look(number: number): Promise<void> {
    const known = this.#marks.get(number);
    const before = this.#moment;
    const changes = await this.#tracker.changes(mark(number));
    if (!known || !this.#isHeld(number, changes) || !changes.ok) return;
    for (const { disk, dirty } of changes.value) {
      const least = this.#dirty(disk, known.from, Math.min(known.until, before));
      const size = this.#disks.find(({ id }) => id === disk)?.size ?? 0;
      const bytesIn = (blocks: ReadonlySet<number>) =>
        [...blocks].reduce((sum, block) => sum + Math.min(grain, size - block * grain), 0);
      if (dirty < bytesIn(least)) this.#wrong(`L5 ${disk}: ${dirty} bytes are dirty, it says, of ${bytesIn(least)}`);
      if (dirty > size) this.#wrong(`${disk}: more is dirty than there is`);
    }
  }

  /** All that was written while a mark recorded is in it. */
  async #prove(number: number): Promise<void> {
    const known = this.#marks.get(number);
    for (const disk of this.#disks) {
      if (!known || !disk.requestBased) continue;
      const told = await this.#tracker.extents(mark(number), disk.id, extent(0, disk.size), 1_000);
      if (!this.#isHeld(number, told) || !told.ok) return;
      const { extents } = told.value;
      for (const block of this.#dirty(disk.id, known.from, known.until))
        if (
          !extents.some(
            (range) => range.start <= block * grain && extentEnd(range) >= Math.min(disk.size, (block + 1) * grain),
          )
        )
          this.#wrong(`L5 block ${block} of ${disk.id} was written, and is not in mark ${number}`);
    }
  }

  #dirty(disk: string, from: number, until: number): ReadonlySet<number> {
    const now = this.#disks.find(({ id }) => id === disk);
    const found = this.#written.filter(
      (one) => one.disk === now && one.disk.requestBased && one.moment > from && one.moment <= until,
    );
    return new Set(found.map(({ block }) => block));
  }

  #wrong(why: string): never {
    const disks = this.#walk.disks.map(
      ({ sectors, scattered }) => `${sectors}${scattered ? ' with merged discards' : ''}`,
    );
    throw new Error([why, `given disks of ${disks.join(', ')} sectors`, ...this.#story].join('\n'));
  }
}

interface Range {
  readonly at: number;
  readonly length: number;
}

function rangeIn({ size }: WalkedDisk, sector: number, sectors: number): Range {
  const all = size / 512;
  const first = sector % all;
  return { at: first * 512, length: Math.min(sectors, all - first) * 512 };
}
