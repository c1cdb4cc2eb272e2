import { migrationId, type WaveId } from '#core/ids';
import { after, millis, type Instant } from '#core/units';
import type { Tokens, WaveMember, WavePlan } from '#core/wave/plan';
import { defaultAssumptions } from '#simulator/flow/assumptions';
import { datastorePlace, hostOf, linkPlace, placesOf } from '#simulator/flow/network';
import { fitsAny, fitsPattern } from './name-pattern.ts';
import type { FleetVm } from '#simulator/estate/generate';
import type { FleetEstate } from './rehearsal-plan.ts';
import type { RehearsalScenario } from './rehearsal-scenario.ts';
import type { ScenarioWave } from './wave-schema.ts';

/*
 * From waves as a scenario says them to the plans that a planner takes. Which VMs a wave moves is found out when it is
 * drafted, since it depends on what the waves before it have moved.
 */

/** Where VMs stand when a wave is drafted. */
export interface FleetStanding {
  /** Its target has taken over, or it was given up. */
  isOver(vm: string): boolean;
  /** Its target has taken over. */
  hasMoved(vm: string): boolean;
  /** Another wave that is not over has it. */
  isTaken(vm: string): boolean;
  cutovers(vm: string): number;
}

/** The waves of a scenario, be it that there is one. */
export const wavesOf = ({ wave, waves }: RehearsalScenario): readonly ScenarioWave[] =>
  waves.length > 0 ? waves : [wave];

/** The waves that must be over before each may begin. */
export function wavesBefore(waves: readonly ScenarioWave[]): ReadonlyMap<WaveId, readonly string[]> {
  return new Map(
    waves.map(({ id, after: said, select }, at) => [
      id,
      said ?? (select === 'rest' ? waves.slice(0, at).map((wave) => wave.id) : []),
    ]),
  );
}

/**
 * The VMs that a wave is to move, in the order of the estate. One that comes after a VM which is neither in the wave nor
 * moved is left for a later wave.
 */
export function membersOf(
  scenario: RehearsalScenario,
  estate: FleetEstate,
  wave: ScenarioWave,
  fleet: FleetStanding,
): readonly FleetVm[] {
  const fits = selects(scenario, estate, wave);
  let chosen = estate.vms.filter((vm) => fits(vm) && !fleet.isOver(vm.name) && !fleet.isTaken(vm.name));
  for (;;) {
    const names = new Set(chosen.map(({ name }) => name));
    const left = chosen.filter((vm) =>
      comesAfter(scenario, estate, vm).every((other) => names.has(other) || fleet.hasMoved(other)),
    );
    if (left.length === chosen.length) return chosen;
    chosen = left;
  }
}

/** The plan of one of several waves. */
export function planOfWave(
  scenario: RehearsalScenario,
  estate: FleetEstate,
  wave: ScenarioWave,
  { vms, start, fleet }: { readonly vms: readonly FleetVm[]; readonly start: Instant; readonly fleet: FleetStanding },
): WavePlan {
  const { applications = {}, apart = {} } = scenario;
  const names = new Set(vms.map(({ name }) => name));
  const tokens = tokensOf(wave, estate);
  const members = vms.map((vm): WaveMember => {
    const application = applicationOf(scenario, vm);
    const groups = Object.keys(apart).filter((group) => fitsAny(apart[group] ?? [], vm.name));
    const needs = needsOf(vm, tokens);
    const { priority, expected = wave.expected } = scenario.members[vm.name] ?? {};
    // Added where they are, and not spread into it: that would make each member an object unlike all others, and the
    // planner looks at them again and again.
    const member: { -readonly [K in keyof WaveMember]: WaveMember[K] } = {
      migration: migrationId(vm.name),
      after: comesAfter(scenario, estate, vm)
        .filter((other) => names.has(other))
        .map(migrationId),
    };
    if (priority !== undefined) member.priority = priority;
    if (application !== undefined) member.application = application;
    if (groups.length > 0) member.apart = groups;
    if (needs) member.resources = { replicating: needs, cuttingOver: needs };
    if (expected !== undefined) member.expected = expected;
    if (fleet.cutovers(vm.name) > 0) member.cutoversBefore = fleet.cutovers(vm.name);
    return member;
  });
  const together = Object.keys(applications).filter(
    (name) => applications[name]?.together && members.some(({ application }) => application === name),
  );
  return {
    name: scenario.waves.length > 0 ? `${scenario.title}: ${wave.id}` : scenario.title,
    members,
    ...policiesOf(wave, start),
    limits: {
      replicating: wave.limits.replicating,
      cuttingOver: wave.limits.cuttingOver,
      ...(Object.keys(tokens).length > 0 && { tokens }),
    },
    ...(together.length > 0 && { together }),
  };
}

/** From when the first window opens until the last one closes, from the start on. */
export const wholeWindow = (waves: readonly ScenarioWave[]): ScenarioWave['window'] => ({
  opens: millis(Math.min(...waves.map(({ window }) => window.opens))),
  closes: millis(Math.max(...waves.map(({ window }) => window.closes))),
});

/** What a wave's plan says of everybody in it. */
export function policiesOf(
  { window, onWindowClose, requester, approval, retry }: ScenarioWave,
  start: Instant,
): Pick<WavePlan, 'window' | 'onWindowClose' | 'requester' | 'approval' | 'retry'> {
  return {
    window: { opens: after(start, window.opens), closes: after(start, window.closes) },
    onWindowClose,
    requester,
    ...(approval !== undefined && approval !== 'given' && { approval }),
    ...(retry && {
      retry: { times: retry.times, after: retry.after, ...(retry.reserve && { reserve: retry.reserve }) },
    }),
  };
}

/** What a VM is a part of: what the scenario says, or else its estate. */
const applicationOf = ({ applications = {} }: RehearsalScenario, vm: FleetVm): string | undefined =>
  Object.keys(applications).find((name) => fitsAny(applications[name]?.vms ?? [], vm.name)) ?? vm.application;

function selects(scenario: RehearsalScenario, estate: FleetEstate, { select }: ScenarioWave): (vm: FleetVm) => boolean {
  if (select === 'rest') return () => true;
  const { vms, hosts, platforms, applications } = select;
  return (vm) => {
    const application = applicationOf(scenario, vm);
    return (
      (!vms || fitsAny(vms, vm.name)) &&
      (!hosts || fitsAny(hosts, vm.host)) &&
      (!platforms || platforms.includes(hostOf(estate, vm).platform)) &&
      (!applications || (application !== undefined && fitsAny(applications, application)))
    );
  };
}

/** The VMs that must have been cut over before one: its own `after`, and those of the applications before its own. */
function comesAfter(scenario: RehearsalScenario, { vms }: FleetEstate, vm: FleetVm): readonly string[] {
  const own = [...(vm.after ?? []), ...(scenario.members[vm.name]?.after ?? [])];
  const application = applicationOf(scenario, vm);
  const before = application === undefined ? [] : (scenario.applications?.[application]?.after ?? []);
  if (before.length === 0) return [...new Set(own)];
  const others = vms.filter((other) => {
    const theirs = applicationOf(scenario, other);
    return theirs !== undefined && theirs !== application && before.includes(theirs);
  });
  return [...new Set([...own, ...others.map(({ name }) => name)])];
}

/** How many may pass each place at once: a place takes the first pattern that fits it. */
function tokensOf({ limits: { tokens = {} } }: ScenarioWave, estate: FleetEstate): Tokens {
  const patterns = Object.keys(tokens);
  return Object.fromEntries(
    [...placesOf(estate, defaultAssumptions.compute).keys()].flatMap((place) => {
      const pattern = patterns.find((each) => fitsPattern(each, place));
      return pattern === undefined ? [] : [[place, tokens[pattern] ?? 1]];
    }),
  );
}

/** One token of every counted place on a VM's way. */
function needsOf(vm: FleetVm, tokens: Tokens): Tokens | undefined {
  const store = vm.datastore === undefined ? [] : [datastorePlace(vm.datastore)];
  const way = [`host ${vm.host}`, 'gateway', linkPlace(vm.link), 'receiver', ...store].filter(
    (place) => place in tokens,
  );
  return way.length === 0 ? undefined : Object.fromEntries(way.map((place) => [place, 1]));
}
