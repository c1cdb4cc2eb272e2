import type { MigrationId } from '#core/ids';
import { axesOf } from '#core/migration/abilities';
import type { MigrationCommand } from '#core/migration/commands';
import { canTake, type MigrationState } from '#core/migration/evolve';
import type { WaveMember, WavePlan } from './plan.ts';

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

interface Member extends WaveMember {
  readonly state: MigrationState;
  readonly lifecycle: string;
  readonly replication: string;
}

/**
 * Wave, members, limits: what to command now. Pure, and a function of where things stand, not of how they came there:
 * asking twice without a change gives the same answer, so it may be asked after every change and after every restart.
 *
 * Nobody starves: members are served in plan order, a place that is free goes to the first that can use it, and one
 * that waits for others (its order, its approval) holds no place.
 */
export function planWave(situation: WaveSituation): WaveDecision {
  const members = situation.plan.members.flatMap((member): Member[] => {
    const state = situation.members.get(member.migration);
    return state ? [{ ...member, state, ...axesOf(state) }] : [];
  });
  if (situation.phase === 'recover') return recover(members, situation.plan);
  const commands = [
    ...approvals(members, situation.approvedBy),
    ...prepare(members, situation.plan.limits.replicating),
    ...(situation.phase === 'cutOver' ? cutOver(members, situation) : []),
  ];
  const settled =
    situation.phase === 'cutOver' &&
    members.length === situation.plan.members.length &&
    members.every((member) => isThrough(member) || isShutOut(member, members));
  return { commands, settled };
}

type Commands = WaveDecision['commands'];
const to = ({ migration }: Member, command: MigrationCommand): Commands[number] => ({ migration, command });

function approvals(members: readonly Member[], by: string | null): Commands {
  if (by === null) return [];
  return (
    members
      .filter(({ state }) => needsApproval(state) && canTake(state, { type: 'CutoverApproved', data: { by } }))
      // An approver may not approve what they asked for themselves; such members wait for someone else.
      .filter(({ state }) => !(planOf(state)?.approval === 'requiredByAnother' && planOf(state)?.requester === by))
      .filter(({ lifecycle }) => lifecycle === 'protected')
      .map((member) => to(member, { type: 'ApproveCutover', data: { by } }))
  );
}

function prepare(members: readonly Member[], limit: number): Commands {
  const commands: Commands[number][] = [];
  let places = limit - members.filter(isReplicating).length;
  for (const member of members) {
    if (member.lifecycle === 'draft') commands.push(to(member, { type: 'VerifySource', data: {} }));
    if (member.lifecycle === 'ready' && places > 0) {
      places -= 1;
      commands.push(to(member, { type: 'StartProtection', data: {} }));
    }
    if (wantsTest(member)) commands.push(to(member, { type: 'LaunchTest', data: {} }));
  }
  return commands;
}

function cutOver(members: readonly Member[], { plan }: WaveSituation): Commands {
  const commands: Commands[number][] = [];
  let places = plan.limits.cuttingOver - members.filter(isCuttingOver).length;
  for (const member of members) {
    if (places <= 0) break;
    if (!mayCutOver(member, members)) continue;
    places -= 1;
    commands.push(to(member, { type: 'StartCutover', data: {} }));
  }
  return commands;
}

function recover(members: readonly Member[], plan: WavePlan): WaveDecision {
  const commands: Commands[number][] = [];
  for (const member of members) {
    if (member.lifecycle === 'cuttingOver.approved')
      commands.push(to(member, { type: 'RevokeCutover', data: { reason: 'the window has closed' } }));
    else if (plan.onWindowClose === 'rollBack' && beforeTargetRuns.has(member.lifecycle))
      commands.push(
        to(member, { type: 'RollBack', data: { reason: 'the window has closed', acceptLossOfTargetWrites: false } }),
      );
  }
  return { commands, settled: members.every((member) => !isCuttingOver(member)) };
}

const planOf = (state: MigrationState) => state.snapshot.context.plan;
const needsApproval = (state: MigrationState): boolean =>
  planOf(state)?.approval !== 'given' && state.snapshot.context.approvedBy === null;

const beforeTargetRuns: ReadonlySet<string> = new Set(
  ['quiescing', 'finalSync', 'fencing', 'fixingUp', 'launching'].map((step) => `cuttingOver.${step}`),
);
const onTheWay: ReadonlySet<string> = new Set(['initiating', 'fullSync', 'deltaSync', 'rescan']);
// Interrupted members keep their place: they take it up again by themselves, and the limit has to hold then too.
const isReplicating = ({ replication }: Member): boolean =>
  onTheWay.has(replication) || replication === 'stalled.retrying' || replication === 'disconnected';
const isCuttingOver = ({ lifecycle }: Member): boolean =>
  (lifecycle.startsWith('cuttingOver') && lifecycle !== 'cuttingOver.undecided') || lifecycle === 'rollingBack';
const isParked = ({ replication }: Member): boolean => replication.startsWith('parked');

const wantsTest = (member: Member): boolean =>
  member.lifecycle === 'protected' &&
  isParked(member) &&
  planOf(member.state)?.testLaunch === 'required' &&
  member.state.snapshot.context.test === 'none';

const mayCutOver = (member: Member, members: readonly Member[]): boolean => {
  const plan = planOf(member.state);
  return (
    member.lifecycle === 'protected' &&
    isParked(member) &&
    !needsApproval(member.state) &&
    (plan?.testLaunch !== 'required' || member.state.snapshot.context.test === 'passed') &&
    member.after.every((id) => members.some((other) => other.migration === id && hasMoved(other)))
  );
};

const hasMoved = ({ lifecycle }: Member): boolean =>
  lifecycle === 'cutOver' || lifecycle.startsWith('finalizing') || lifecycle === 'finalized';

// A member that was rolled back is not tried again by itself: whoever looks into it decides.
const isThrough = (member: Member): boolean =>
  hasMoved(member) || ['rolledBack', 'cancelled', 'failed', 'cuttingOver.undecided'].includes(member.lifecycle);

const isShutOut = (member: Member, members: readonly Member[]): boolean =>
  !isCuttingOver(member) &&
  member.after.some((id) => {
    const before = members.find((other) => other.migration === id);
    return before !== undefined && !hasMoved(before) && (isThrough(before) || isShutOut(before, members));
  });
