import type { MigrationId } from '#core/ids';
import type { MigrationCommand } from '#core/migration/commands';
import type { MigrationState } from '#core/migration/evolve';
import { firstOf, indexSet, type IndexSet } from './index-set.ts';
import type { WavePlan } from './plan.ts';
import { standingBits, standingOf } from './standing.ts';

/** What the wave wants of its members at present: it follows from the wave's own state. */
export type WavePhase = 'prepare' | 'cutOver' | 'recover';

/** What the planner knows. Members that are missing from `members` have not been drafted yet. */
export interface WaveSituation {
  readonly phase: WavePhase;
  readonly plan: WavePlan;
  readonly approvedBy: string | null;
  readonly members: ReadonlyMap<MigrationId, MigrationState>;
}

/** What the planner wants: commands to members, and whether nothing is left to wait for in this phase. */
export interface WaveDecision {
  readonly commands: readonly { readonly migration: MigrationId; readonly command: MigrationCommand }[];
  readonly settled: boolean;
}

/**
 * A planner that remembers where members stand, so that a change costs what changed and not what there is: with n members
 * and c commands, `update` costs O(1 + members that come after it), `decide` O(c + n/1024).
 */
export interface WavePlanner {
  /** Takes note of where a member stands now. Members not in the plan are ignored. */
  update(migration: MigrationId, state: MigrationState): void;
  /** What to command now. A function of where things stand, not of how they came there. */
  decide(phase: WavePhase, approvedBy: string | null): WaveDecision;
}

/**
 * Wave, members, limits: what to command now. Pure: asking twice without a change gives the same answer, so it may be
 * asked after every change and after every restart.
 *
 * Nobody starves: members are served in plan order, a place that is free goes to the first that can use it, and one
 * that waits for others (its order, its approval) holds no place.
 */
export function planWave({ phase, plan, approvedBy, members }: WaveSituation): WaveDecision {
  const planner = wavePlanner(plan);
  for (const [migration, state] of members) planner.update(migration, state);
  return planner.decide(phase, approvedBy);
}

/** A planner for a wave none of whose members is known yet. */
export const wavePlanner = (plan: WavePlan): WavePlanner => new IncrementalPlanner(plan);

type Bit = keyof typeof standingBits;
type Commands = WaveDecision['commands'];
const bitNames = Object.keys(standingBits) as readonly Bit[];

class IncrementalPlanner implements WavePlanner {
  readonly #plan: WavePlan;
  readonly #indexOf: ReadonlyMap<MigrationId, number>;
  readonly #states: (MigrationState | undefined)[];
  readonly #standings: Uint32Array;
  /** The members of each kind, by their place in the plan. */
  readonly #are: Readonly<Record<Bit, IndexSet>>;
  /** Members that could be cut over now, order and all. */
  readonly #mayCutOver: IndexSet;
  /** Members that are not through, and wait for nobody. */
  readonly #free: IndexSet;
  readonly #before: readonly (readonly number[])[];
  readonly #behind: readonly (readonly number[])[];
  /** How many of those before a member have not moved. */
  readonly #unmet: Uint32Array;
  #known = 0;

  constructor(plan: WavePlan) {
    const count = plan.members.length;
    this.#plan = plan;
    this.#indexOf = new Map(plan.members.map(({ migration }, index) => [migration, index]));
    this.#states = Array.from({ length: count });
    this.#standings = new Uint32Array(count);
    this.#are = Object.fromEntries(bitNames.map((name) => [name, indexSet(count)])) as Record<Bit, IndexSet>;
    this.#mayCutOver = indexSet(count);
    this.#free = indexSet(count);
    this.#before = plan.members.map(({ after }) => [...new Set(after)].map((id) => this.#indexOf.get(id) ?? -1));
    const behind: number[][] = plan.members.map(() => []);
    this.#before.forEach((before, index) => before.forEach((other) => behind[other]?.push(index)));
    this.#behind = behind;
    this.#unmet = Uint32Array.from(this.#before, (before) => before.length);
    for (let index = 0; index < count; index += 1) this.#place(index);
  }

  update(migration: MigrationId, state: MigrationState): void {
    const index = this.#indexOf.get(migration);
    if (index === undefined) return;
    if (!this.#states[index]) this.#known += 1;
    this.#states[index] = state;
    const before = this.#standings[index] ?? 0;
    const now = standingOf(state);
    if (now === before) return;
    this.#standings[index] = now;
    for (const name of bitNames) {
      const bit = standingBits[name];
      if (((before ^ now) & bit) === 0) continue;
      if (now & bit) this.#are[name].add(index);
      else this.#are[name].delete(index);
    }
    const moved = (now & standingBits.moved) - (before & standingBits.moved);
    if (moved !== 0)
      for (const other of this.#behind[index] ?? []) {
        this.#unmet[other] = (this.#unmet[other] ?? 0) - Math.sign(moved);
        this.#place(other);
      }
    this.#place(index);
  }

  decide(phase: WavePhase, approvedBy: string | null): WaveDecision {
    if (phase === 'recover') return { commands: this.#recoveries(), settled: this.#are.cuttingOver.size === 0 };
    const commands = [...this.#approvals(approvedBy), ...this.#preparations()];
    if (phase === 'prepare') return { commands, settled: false };
    return { commands: [...commands, ...this.#cutovers()], settled: this.#isSettled() };
  }

  /** Keeps the two sets that depend on more than one member. */
  #place(index: number): void {
    const standing = this.#standings[index] ?? 0;
    const waits = (this.#unmet[index] ?? 0) > 0;
    if (standing & standingBits.cutOverReady && !waits) this.#mayCutOver.add(index);
    else this.#mayCutOver.delete(index);
    if (!(standing & standingBits.through) && !waits) this.#free.add(index);
    else this.#free.delete(index);
  }

  #to(indexes: readonly number[], command: MigrationCommand): Commands {
    return indexes.flatMap((index) => {
      const member = this.#plan.members[index];
      return member ? [{ migration: member.migration, command }] : [];
    });
  }

  #approvals(by: string | null): Commands {
    if (by === null || this.#are.wantsApproval.size === 0) return [];
    // An approver may not approve what they asked for themselves; such members wait for someone else.
    const mayApprove = (index: number): boolean => {
      const plan = this.#states[index]?.snapshot.context.plan;
      return !(plan?.approval === 'requiredByAnother' && plan.requester === by);
    };
    return this.#to(firstOf(this.#are.wantsApproval).filter(mayApprove), { type: 'ApproveCutover', data: { by } });
  }

  #preparations(): Commands {
    const places = Math.max(0, this.#plan.limits.replicating - this.#are.replicating.size);
    return [
      ...this.#to(firstOf(this.#are.draft), { type: 'VerifySource', data: {} }),
      ...this.#to(firstOf(this.#are.ready, places), { type: 'StartProtection', data: {} }),
      ...this.#to(firstOf(this.#are.wantsTest), { type: 'LaunchTest', data: {} }),
    ];
  }

  #cutovers(): Commands {
    const places = Math.max(0, this.#plan.limits.cuttingOver - this.#are.cuttingOver.size);
    return this.#to(firstOf(this.#mayCutOver, places), { type: 'StartCutover', data: {} });
  }

  #recoveries(): Commands {
    const reason = 'the window has closed';
    const rollBack = this.#plan.onWindowClose === 'rollBack' ? firstOf(this.#are.targetNotRunning) : [];
    return [
      ...this.#to(firstOf(this.#are.cutoverWaits), { type: 'RevokeCutover', data: { reason } }),
      ...this.#to(rollBack, { type: 'RollBack', data: { reason, acceptLossOfTargetWrites: false } }),
    ];
  }

  #isSettled(): boolean {
    // One that waits for nobody and is not through goes on by itself. Mostly there is one, and it is all that is looked at.
    if (this.#known < this.#plan.members.length || this.#free.size > 0) return false;
    if (this.#are.through.size === this.#plan.members.length) return true;
    const shutOut = new Map<number, boolean>();
    return this.#plan.members.every((_member, index) => this.#has(index, 'through') || this.#isShutOut(index, shutOut));
  }

  /** Whether one of those before it never moves. */
  #isShutOut(index: number, found: Map<number, boolean>): boolean {
    const before = found.get(index);
    if (before !== undefined) return before;
    found.set(index, false);
    const is =
      !this.#has(index, 'cuttingOver') &&
      (this.#before[index] ?? []).some(
        (other) =>
          this.#states[other] !== undefined &&
          !this.#has(other, 'moved') &&
          (this.#has(other, 'through') || this.#isShutOut(other, found)),
      );
    found.set(index, is);
    return is;
  }

  #has(index: number, name: Bit): boolean {
    return ((this.#standings[index] ?? 0) & standingBits[name]) !== 0;
  }
}
