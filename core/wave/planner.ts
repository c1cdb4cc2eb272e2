import type { MigrationId } from '#core/ids';
import type { MigrationCommand } from '#core/migration/commands';
import type { MigrationState } from '#core/migration/evolve';
import { sometimes } from '#core/sometimes';
import type { MemberOutcome, WaveFact } from './facts.ts';
import { firstOf } from './index-set.ts';
import type { WavePlan } from './plan.ts';
import { noNotes, type WaveNotes } from './retry.ts';
import { neverMoves } from './settled.ts';
import type { TokenDraft } from './token-pool.ts';
import { WaveBoard } from './wave-board.ts';

/** What the wave wants of its members at present: it follows from the wave's own state. */
export type WavePhase = 'prepare' | 'cutOver' | 'recover';

/** What the planner knows. Members that are missing from `members` have not been drafted yet. */
export interface WaveSituation {
  readonly phase: WavePhase;
  readonly plan: WavePlan;
  readonly approvedBy: string | null;
  /** What the wave's facts say beside its plan; nothing if left out. */
  readonly notes?: WaveNotes;
  readonly members: ReadonlyMap<MigrationId, MigrationState>;
}

/** What the planner wants: commands to members, and whether nothing is left to wait for in this phase. */
export interface WaveDecision {
  readonly commands: readonly { readonly migration: MigrationId; readonly command: MigrationCommand }[];
  /** Facts for the wave's own log. Saying one again before it is there does no harm. */
  readonly facts: readonly WaveFact[];
  readonly settled: boolean;
}

/**
 * A planner that remembers where members stand, so that a change costs what changed and not what there is. With n
 * members, c commands and k different needs of tokens among those who wait, `update` costs O(1 + those the member is
 * something to), `decide` O(c + n/1024), and O(c + k log k) more after something changed that admissions depend on.
 */
export interface WavePlanner {
  /** Takes note of where a member stands now. Members not in the plan are ignored. */
  update(migration: MigrationId, state: MigrationState): void;
  /** What to command now. A function of where things stand, not of how they came there. */
  decide(phase: WavePhase, approvedBy: string | null, notes?: WaveNotes): WaveDecision;
  /** Says why members were not cut over, where that is more than order, limits and time; undefined where it is not. */
  reasons(): (migration: MigrationId) => MemberOutcome['why'];
}

/**
 * Wave, members, limits: what to command now. Pure: asking twice without a change gives the same answer, so it may be
 * asked after every change and after every restart.
 *
 * Nobody starves. Members are served by priority, then in plan order; a place that is free goes to the first that can use
 * it, and one that waits for others (its order, its approval, its back-off) holds no place. The first that finds too few
 * tokens has them kept: those behind it may take what it leaves. The first that finds too few places, and has its tokens,
 * has the places kept. What is held is given back, since every round and every cutover ends or falls out; so the first
 * goes, then the next is first. Higher priorities cannot put it off for ever: a wave has as many members as its plan, and
 * each goes once and as often again as `retry` allows. What could never fit is refused as a plan.
 *
 * Nobody locks up. An application that cuts over together takes all its places and tokens at once or none, so nobody
 * holds some and waits for others. Once it has begun, its places are kept for those of it that could go, only while one
 * of it is cutting over: that one ends, whatever becomes of it.
 */
export function planWave({ phase, plan, approvedBy, notes = noNotes, members }: WaveSituation): WaveDecision {
  const planner = wavePlanner(plan);
  for (const [migration, state] of members) planner.update(migration, state);
  return planner.decide(phase, approvedBy, notes);
}

/** A planner for a wave none of whose members is known yet. */
export const wavePlanner = (plan: WavePlan): WavePlanner => new IncrementalPlanner(plan);

type Commands = WaveDecision['commands'];

// One for all: it is asked after every change, and mostly there is nothing to command.
const nothing: Commands = [];
const noFacts: readonly WaveFact[] = [];

/** What all of them say together, in their order. */
function together(lists: readonly Commands[]): Commands {
  const saying = lists.filter(({ length }) => length > 0);
  return saying.length > 1 ? saying.flat() : (saying[0] ?? nothing);
}

/** Members to start the cutover of, and to admit to replication. */
interface Admissions {
  readonly cutovers: readonly number[];
  readonly replications: readonly number[];
}

class IncrementalPlanner implements WavePlanner {
  readonly #plan: WavePlan;
  readonly #board: WaveBoard;
  #admitted: { readonly version: number; readonly opens: boolean; readonly admissions: Admissions } | undefined;

  constructor(plan: WavePlan) {
    this.#plan = plan;
    this.#board = new WaveBoard(plan);
  }

  update(migration: MigrationId, state: MigrationState): void {
    this.#board.update(migration, state);
  }

  decide(phase: WavePhase, approvedBy: string | null, notes = noNotes): WaveDecision {
    const board = this.#board;
    board.note(notes);
    if (phase === 'recover')
      return { commands: this.#recoveries(), facts: [], settled: board.are.cuttingOver.size === 0 };
    const mayCutOver = phase === 'cutOver' && (this.#plan.approval === undefined || approvedBy !== null);
    const { cutovers, replications } = this.#admissions(mayCutOver);
    const commands = together([
      this.#approvals(approvedBy),
      this.#to(firstOf(board.are.draft), { type: 'VerifySource', data: {} }),
      this.#to(replications, { type: 'StartProtection', data: {} }),
      this.#to(firstOf(board.are.wantsTest), { type: 'LaunchTest', data: {} }),
      phase === 'prepare' ? nothing : this.#to(cutovers, { type: 'StartCutover', data: {} }),
    ]);
    if (phase === 'prepare') return { commands, facts: noFacts, settled: false };
    return { commands, facts: this.#rollbacks(), settled: this.#isSettled() };
  }

  reasons(): (migration: MigrationId) => MemberOutcome['why'] {
    const board = this.#board;
    const { indexOf, units, unitOf } = board.shape;
    const leaves = neverMoves(board);
    return (migration) => {
      const index = indexOf.get(migration);
      if (index === undefined || board.has(index, 'moved')) return undefined;
      if (board.isKeptApart(index)) return 'apart';
      if (board.has(index, 'rolledBack') && board.has(index, 'through'))
        return this.#plan.retry ? 'triesSpent' : undefined;
      if (board.isLate(index)) return 'late';
      const unit = unitOf[index] ?? 0;
      const waitsForOthers = (units[unit]?.members.length ?? 0) > 1 && !board.isBegun(unit) && !board.waits(index);
      return waitsForOthers && (board.has(index, 'cutOverReady') || leaves(index)) ? 'together' : undefined;
    };
  }

  #to(indexes: readonly number[], command: MigrationCommand): Commands {
    if (indexes.length === 0) return nothing;
    return indexes.flatMap((index) => {
      const member = this.#board.shape.members[index];
      return member ? [{ migration: member.migration, command }] : [];
    });
  }

  #approvals(by: string | null): Commands {
    const { are } = this.#board;
    if (by === null || are.wantsApproval.size === 0) return nothing;
    // An approver may not approve what they asked for themselves; such members wait for someone else.
    const mayApprove = (index: number): boolean => {
      const plan = this.#board.stateOf(index)?.snapshot.context.plan;
      return !(plan?.approval === 'requiredByAnother' && plan.requester === by);
    };
    return this.#to(firstOf(are.wantsApproval).filter(mayApprove), { type: 'ApproveCutover', data: { by } });
  }

  /** Who is admitted now. Found out once for each change that matters. */
  #admissions(opens: boolean): Admissions {
    const { version } = this.#board;
    const before = this.#admitted;
    if (before && before.version === version && before.opens === opens) return before.admissions;
    const draft = this.#board.pool.draft();
    // Cutovers first: the window closes, and replication goes on after it.
    const admissions = { cutovers: opens ? this.#starts(draft) : [], replications: this.#replications(draft) };
    this.#admitted = { version, opens, admissions };
    return admissions;
  }

  #starts(draft: TokenDraft): readonly number[] {
    const board = this.#board;
    const { units, apartOf, cuttingOver } = board.shape;
    let places = this.#plan.limits.cuttingOver - board.held;
    const started: number[] = [];
    let isKept = false;
    const keep = (need: (typeof units)[number]['need']): void => {
      if (!isKept) draft.take(need);
      isKept = true;
    };
    // Those whose application has begun come before all that have not.
    for (const index of firstOf(board.followers)) {
      const need = cuttingOver[index] ?? [];
      if (board.holdsPlace(index)) {
        // What was kept for one that is tried again may have been given away while it was not due.
        if (places >= 0 && draft.isWithin(need)) started.push(index);
        else {
          places += 1;
          draft.give(need);
        }
      } else if (!draft.has(need)) keep(need);
      else if (places > 0) {
        draft.take(need);
        places -= 1;
        started.push(index);
      }
    }
    const apart = new Set<number>();
    if (places > 0)
      board.starts.offer((unit) => {
        const { members, need } = units[unit] ?? { members: [], need: [] };
        const groups = members.flatMap((index) => apartOf[index] ?? []);
        if (groups.some((group) => apart.has(group))) return 'next';
        if (!draft.has(need)) {
          keep(need);
          return 'lacks';
        }
        if (members.length > places) {
          // What it lacks are places only. They are kept for it, and its tokens from those that replicate.
          draft.take(need);
          return 'stop';
        }
        draft.take(need);
        places -= members.length;
        for (const group of groups) apart.add(group);
        // Those behind others of their own application follow them.
        started.push(...members.filter((index) => !board.waits(index)));
        return places > 0 ? 'next' : 'stop';
      });
    return started;
  }

  #replications(draft: TokenDraft): readonly number[] {
    const board = this.#board;
    let places = this.#plan.limits.replicating - board.are.replicating.size;
    if (places <= 0) return [];
    const admitted: number[] = [];
    let isKept = false;
    board.ready.offer((index) => {
      const need = board.shape.replicating[index] ?? [];
      if (draft.has(need)) {
        draft.take(need);
        admitted.push(index);
        places -= 1;
        return places > 0 ? 'next' : 'stop';
      }
      if (!isKept) draft.take(need);
      isKept = true;
      return 'lacks';
    });
    return admitted;
  }

  #rollbacks(): readonly WaveFact[] {
    if (this.#board.unnoted.size === 0) return noFacts;
    return firstOf(this.#board.unnoted).flatMap((index): readonly WaveFact[] => {
      const migration = this.#board.shape.members[index]?.migration;
      const cutovers = this.#board.stateOf(index)?.cutovers;
      return migration === undefined || cutovers === undefined
        ? []
        : [{ type: 'MemberRolledBack', data: { migration, cutovers } }];
    });
  }

  #recoveries(): Commands {
    const { are } = this.#board;
    const reason = 'the window has closed';
    const rollBack = this.#plan.onWindowClose === 'rollBack' ? firstOf(are.targetNotRunning) : [];
    if (rollBack.length > 0) sometimes('planner: rolled back what was under way when the window closed');
    return [
      ...this.#to(firstOf(are.cutoverWaits), { type: 'RevokeCutover', data: { reason } }),
      ...this.#to(rollBack, { type: 'RollBack', data: { reason, acceptLossOfTargetWrites: false } }),
    ];
  }

  #isSettled(): boolean {
    const board = this.#board;
    const { length } = board.shape.members;
    // One that waits for nobody and is not through goes on by itself. Mostly there is one, and it is all that is looked at.
    if (board.known < length || board.free.size > 0) return false;
    if (board.are.through.size === length) return true;
    const leaves = neverMoves(board);
    return board.shape.members.every((_member, index) => board.has(index, 'through') || leaves(index));
  }
}
