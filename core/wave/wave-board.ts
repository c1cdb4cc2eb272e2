import type { MigrationId } from '#core/ids';
import type { MigrationState } from '#core/migration/evolve';
import { admissionQueue, type AdmissionQueue } from './admission-queue.ts';
import { indexSet, type IndexSet } from './index-set.ts';
import { shapeOf, type Need, type PlanShape } from './plan-shape.ts';
import type { WavePlan } from './plan.ts';
import { lastStartOf, noNotes, retryStanding, triesOf, type WaveNotes } from './retry.ts';
import { standingBits, standingOf } from './standing.ts';
import { tokenPool, type TokenPool } from './token-pool.ts';

/** A yes or no that is kept of each member. */
export type Bit = keyof typeof standingBits;

const bitNames = Object.keys(standingBits) as readonly Bit[];
const on = standingBits;
// Names with their bits: a table is asked by name for each of them, and members stand anew a few thousand times.
const bits = bitNames.map((name) => ({ name, bit: on[name] }));
const nothing: Need = [];

/** What members of one unit add up to. */
interface UnitTally {
  could: number;
  begun: number;
  cuttingOver: number;
  hindered: number;
  waiting: number;
}

/** What holds for one member in its unit, a bit each. */
const part = {
  /** It could be cut over: parked, approved, those before it (but for those in its unit) have moved. */
  could: 1,
  begun: 2,
  cuttingOver: 4,
  /** It will not be cut over in this wave any more. */
  hindered: 8,
  /** One before it, in another unit, has not moved. */
  waiting: 16,
} as const;
const parts = (Object.keys(part) as readonly (keyof typeof part)[]).map((name) => ({ name, bit: part[name] }));

/**
 * Where the members of a wave stand, kept so that a change costs what changed: O(1), and for each of those the one that
 * changed is something to: those that come after it, those that cut over together with it, those it is to be apart from,
 * the resources it takes.
 */
export class WaveBoard {
  readonly plan: WavePlan;
  readonly shape: PlanShape;
  readonly pool: TokenPool;
  /** The members of each kind, by their order. */
  readonly are: Readonly<Record<Bit, IndexSet>>;
  /** Members to be admitted to replication, and units to be cut over. */
  readonly ready: AdmissionQueue;
  readonly starts: AdmissionQueue;
  /** Members whose application has begun without them, and who could follow. */
  readonly followers: IndexSet;
  /** Members that are not through, and wait for nobody. */
  readonly free: IndexSet;
  /** Members that were rolled back in this wave, which its log does not say yet. */
  readonly unnoted: IndexSet;
  /** Members that are known at all. */
  known = 0;
  /** Places of those that cut over which are held: by them, or for those of their application. */
  held = 0;
  /** Changes with everything that admissions depend on. */
  version = 0;
  readonly #states: (MigrationState | undefined)[];
  readonly #standings: Uint32Array;
  readonly #tries: Uint32Array;
  readonly #parts: Uint8Array;
  readonly #holds: Uint8Array;
  readonly #unmet: Uint32Array;
  /** The same without those of the member's own unit. */
  readonly #unmetOutside: Uint32Array;
  readonly #units: readonly UnitTally[];
  /** How many of an anti-affinity group were begun in this window. */
  readonly #begunApart: Uint32Array;
  readonly #lastStarts: readonly { readonly at: number; readonly index: number }[];
  #lastStartsPassed = 0;
  #notes: WaveNotes = noNotes;

  constructor(plan: WavePlan) {
    const shape = shapeOf(plan);
    const count = shape.members.length;
    this.plan = plan;
    this.shape = shape;
    this.pool = tokenPool(shape.capacity);
    this.are = Object.fromEntries(bitNames.map((name) => [name, indexSet(count)])) as Record<Bit, IndexSet>;
    this.ready = admissionQueue(shape.replicating);
    this.starts = admissionQueue(
      shape.units.map(({ need }) => need),
      shape.units.map(({ members }) => members.length),
    );
    this.followers = indexSet(count);
    this.free = indexSet(count);
    this.unnoted = indexSet(count);
    this.#states = Array.from({ length: count });
    this.#standings = new Uint32Array(count);
    this.#tries = new Uint32Array(count);
    this.#parts = new Uint8Array(count);
    this.#holds = new Uint8Array(count);
    this.#unmet = Uint32Array.from(shape.before, ({ length }) => length);
    this.#unmetOutside = Uint32Array.from(
      shape.before,
      (before, index) => before.filter((other) => shape.unitOf[other] !== shape.unitOf[index]).length,
    );
    this.#units = shape.units.map(() => ({ could: 0, begun: 0, cuttingOver: 0, hindered: 0, waiting: 0 }));
    this.#begunApart = new Uint32Array(shape.apart.length);
    this.#lastStarts = lastStartsOf(plan, shape);
    for (let index = 0; index < count; index += 1) this.#place(index);
  }

  has(index: number, name: Bit): boolean {
    return ((this.#standings[index] ?? 0) & on[name]) !== 0;
  }

  /** A unit that has begun, and is not taken back as a whole. */
  isBegun(unit: number): boolean {
    return (this.#units[unit]?.begun ?? 0) > 0;
  }

  stateOf(index: number): MigrationState | undefined {
    return this.#states[index];
  }

  /** Whether one before it has not moved. */
  waits(index: number): boolean {
    return (this.#unmet[index] ?? 0) > 0;
  }

  /** Whether a place and tokens are kept for it, or it has them. */
  holdsPlace(index: number): boolean {
    return this.#holds[index] === 2;
  }

  /** Whether it may not begin in what is left of the window. */
  isLate(index: number): boolean {
    const member = this.shape.members[index];
    if (!member || this.#notes.lastStart === null) return false;
    const at = lastStartOf(this.plan, member, (this.#tries[index] ?? 0) > 0);
    return at !== null && at <= this.#notes.lastStart;
  }

  /** Whether one that it is to be apart from was begun in this window. */
  isKeptApart(index: number): boolean {
    const own = (this.#tries[index] ?? 0) > 0 ? 1 : 0;
    return (this.shape.apartOf[index] ?? []).some((group) => (this.#begunApart[group] ?? 0) > own);
  }

  update(migration: MigrationId, state: MigrationState): void {
    const index = this.shape.indexOf.get(migration);
    if (index === undefined) return;
    if (!this.#states[index]) this.known += 1;
    this.#states[index] = state;
    this.#stand(index);
  }

  /** Takes in what the wave's facts say: O(those that were rolled back), and what became late. */
  note(notes: WaveNotes): void {
    const before = this.#notes;
    this.#notes = notes;
    if (notes.retries !== before.retries)
      for (const migration of Object.keys({ ...before.retries, ...notes.retries })) {
        const index = this.shape.indexOf.get(migration as MigrationId);
        if (index !== undefined) this.#stand(index);
      }
    if (notes.lastStart === before.lastStart) return;
    const passed = notes.lastStart ?? -1;
    const touched: number[] = [];
    for (let next = this.#lastStarts[this.#lastStartsPassed]; next && next.at <= passed;) {
      touched.push(next.index);
      next = this.#lastStarts[(this.#lastStartsPassed += 1)];
    }
    for (let last = this.#lastStarts[this.#lastStartsPassed - 1]; last && last.at > passed;) {
      touched.push(last.index);
      last = this.#lastStarts[(this.#lastStartsPassed -= 1) - 1];
    }
    for (const index of touched) this.#place(index);
  }

  /** Takes in where a member stands, and what that is to others. */
  #stand(index: number): void {
    const state = this.#states[index];
    const member = this.shape.members[index];
    if (!state || !member) return;
    const before = this.#standings[index] ?? 0;
    const now = this.#standingOf(index, state);
    const begunBefore = (this.#tries[index] ?? 0) > 0;
    this.#tries[index] = triesOf(member, state.cutovers);
    const begunNow = (this.#tries[index] ?? 0) > 0;
    if (now === before && begunNow === begunBefore) return;
    this.#standings[index] = now;
    for (const { name, bit } of bits) {
      if (((before ^ now) & bit) === 0) continue;
      if (now & bit) this.are[name].add(index);
      else this.are[name].delete(index);
    }
    if ((before ^ now) & (on.ready | on.replicating)) this.version += 1;
    if ((before ^ now) & on.ready) this.ready.set(index, (now & on.ready) !== 0);
    const moved = Math.sign((now & on.moved) - (before & on.moved));
    if (moved !== 0)
      for (const other of this.shape.behind[index] ?? []) {
        this.#unmet[other] = (this.#unmet[other] ?? 0) - moved;
        if (this.shape.unitOf[other] !== this.shape.unitOf[index])
          this.#unmetOutside[other] = (this.#unmetOutside[other] ?? 0) - moved;
        this.#place(other);
      }
    if (begunNow !== begunBefore)
      for (const group of this.shape.apartOf[index] ?? []) {
        this.#begunApart[group] = (this.#begunApart[group] ?? 0) + (begunNow ? 1 : -1);
        for (const other of this.shape.apart[group] ?? []) if (other !== index) this.#place(other);
      }
    this.#place(index);
  }

  /** The bits of a member as this wave sees it: one that is rolled back is through unless the plan has it tried again. */
  #standingOf(index: number, state: MigrationState): number {
    const bits = standingOf(state);
    const member = this.shape.members[index];
    if (!(bits & on.rolledBack) || !member) {
      this.unnoted.delete(index);
      return bits;
    }
    const again = retryStanding(this.plan, member, state.cutovers, this.#notes.retries[member.migration]);
    if (again === 'unnoted') this.unnoted.add(index);
    else this.unnoted.delete(index);
    const willing = again === 'free' ? bits : bits & ~(on.wantsApproval | on.wantsTest | on.cutOverReady);
    return again === 'stays' ? willing : willing & ~on.through;
  }

  /** Works out what depends on others beside the member, and passes it on to its unit. */
  #place(index: number): void {
    const unit = this.shape.unitOf[index] ?? 0;
    const tally = this.#units[unit];
    if (!tally) return;
    const before = this.#parts[index] ?? 0;
    const now = this.#partOf(index);
    this.#parts[index] = now;
    if (before !== now) for (const { name, bit } of parts) if ((before ^ now) & bit) tally[name] += now & bit ? 1 : -1;
    const { members } = this.shape.units[unit] ?? { members: [] };
    const goes = tally.begun === 0 && tally.could === members.length;
    if (this.starts.set(unit, goes)) this.version += 1;
    if (members.length > 1 && before !== now) for (const other of members) this.#settleIn(other, tally, true);
    else this.#settleIn(index, tally, members.length > 1);
  }

  #partOf(index: number): number {
    const standing = this.#standings[index] ?? 0;
    const runs = (standing & on.cuttingOver) !== 0;
    const isOut = !runs && !(standing & on.moved) && (this.isLate(index) || this.isKeptApart(index));
    const waits = (this.#unmetOutside[index] ?? 0) > 0;
    let bits = 0;
    if (standing & on.begun) bits |= part.begun;
    if (runs) bits |= part.cuttingOver;
    if (isOut || (standing & on.through && !(standing & on.moved))) bits |= part.hindered;
    if (waits) bits |= part.waiting;
    if (standing & on.cutOverReady && !waits && !isOut) bits |= part.could;
    return bits;
  }

  /** Keeps what follows from a member and its unit: whether it is free, may follow, and what it holds. */
  #settleIn(index: number, tally: UnitTally, isTogether: boolean): void {
    const standing = this.#standings[index] ?? 0;
    const own = this.#parts[index] ?? 0;
    const waits = this.waits(index);
    const mayBegin = !isTogether || tally.begun > 0 || (tally.hindered === 0 && tally.waiting === 0);
    put(this.free, index, !(standing & on.through) && !(own & part.hindered) && !waits && mayBegin);
    const follows = isTogether && tally.begun > 0 && (own & part.could) !== 0;
    if (put(this.followers, index, follows && !waits)) this.version += 1;
    const reserved = follows && tally.cuttingOver > 0;
    this.#hold(index, own & part.cuttingOver || reserved ? 2 : standing & on.replicating ? 1 : 0);
  }

  #hold(index: number, holds: 0 | 1 | 2): void {
    const before = this.#holds[index] ?? 0;
    if (holds === before) return;
    this.#holds[index] = holds;
    this.version += 1;
    this.pool.release(this.#needOf(index, before));
    this.pool.take(this.#needOf(index, holds));
    this.held += (holds === 2 ? 1 : 0) - (before === 2 ? 1 : 0);
  }

  #needOf(index: number, holds: number): Need {
    const { replicating, cuttingOver } = this.shape;
    return (holds === 2 ? cuttingOver[index] : holds === 1 ? replicating[index] : nothing) ?? nothing;
  }
}

/** Adds or removes; whether that changed anything. */
function put(set: IndexSet, index: number, isIn: boolean): boolean {
  const before = set.size;
  if (isIn) set.add(index);
  else set.delete(index);
  return set.size !== before;
}

const lastStartsOf = (plan: WavePlan, { members }: PlanShape) =>
  members
    .flatMap((member, index) =>
      [false, true].flatMap((again) => {
        const at = lastStartOf(plan, member, again);
        return at === null ? [] : [{ at: Number(at), index }];
      }),
    )
    .sort((a, b) => a.at - b.at);
