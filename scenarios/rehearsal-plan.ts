import { diskId } from '#core/ids';
import type { MigrationPlan } from '#core/migration/plan';
import { invariant } from '#core/invariant';
import type { Rng } from '#core/rng';
import { bytes } from '#core/units';
import type { Estate, EstateVm } from '#simulator/estate/estate';
import { generateFleet, type FleetVm } from '#simulator/estate/generate';
import { guests } from '#simulator/estate/guest';
import { hostOf } from '#simulator/flow/network';
import { unmatchedNames } from './expectation-schema.ts';
import { faultReferences } from './fault-schema.ts';
import type { RehearsalScenario } from './rehearsal-scenario.ts';

/** An estate whose VMs say which others they come after. */
export interface FleetEstate extends Estate {
  readonly vms: readonly FleetVm[];
}

/** The estate of a scenario: what it and its estate file list, and what it has made from the seed. */
export function estateOf({ estate }: RehearsalScenario, rng: Rng): FleetEstate {
  const { links, gateway, receiver, datastores, vcenter, generate } = estate;
  const [link] = links;
  invariant(link, 'every scenario has a link');
  const fleet = generate ? generateFleet(rng, { ...generate, link: link.name }) : { hosts: [], vms: [] };
  const listed = estate.vms.map(({ disks, writes, ...vm }) => ({
    ...vm,
    disks: disks.map(({ id, size, used, tracked }, i) => ({
      id: id ?? diskId(`disk${i}`),
      size,
      used: typeof used === 'number' ? used : bytes(Math.floor((size * used.numerator) / used.denominator)),
      tracked,
    })),
    writes: { ...writes, bursts: writes.bursts && { ...writes.bursts, seed: seedOf(rng, vm.name) } },
  }));
  // Each in turn, so that the fleet is spread over them.
  const storeOf = (i: number): string | undefined => datastores[i % Math.max(1, datastores.length)]?.name;
  const vms = [...listed, ...fleet.vms].map((vm: FleetVm, i) => withDatastore(vm, vm.datastore ?? storeOf(i)));
  return { hosts: [...estate.hosts, ...fleet.hosts], links, gateway, receiver, datastores, vcenter, vms };
}

/**
 * A VM with its datastore. Member by member, and not a spread with one more: that makes an object unlike all others, and
 * the world looks at its VMs with every fact.
 */
const withDatastore = (
  { name, host, link, guest, services, disks, writes, application, tags, after }: FleetVm,
  datastore: string | undefined,
): FleetVm => ({ name, host, link, guest, datastore, services, disks, writes, application, tags, after });

const seedOf = (rng: Rng, vm: string): number => rng.fork(`bursts of ${vm}`).between(0, 2 ** 31 - 1);

/** A VM or a host that the scenario names and the estate does not have. */
export function unknownName(
  { members, faults, expect }: RehearsalScenario,
  { vms, hosts }: FleetEstate,
): UnknownName | undefined {
  const known = { VM: new Set(vms.map(({ name }) => name)), host: new Set(hosts.map(({ name }) => name)) };
  const named: readonly UnknownName[] = [
    ...vms.flatMap(({ after = [] }) => after.map(vmNamed)),
    ...Object.entries(members).flatMap(([name, member]) => [name, ...(member.after ?? [])].map(vmNamed)),
    ...faults
      .flatMap(faultReferences)
      .flatMap(({ kind, name }) => (kind === 'VM' || kind === 'host' ? [{ kind, name }] : [])),
  ];
  const unmatched = unmatchedNames(expect, [...known.VM])[0];
  return named.find(({ kind, name }) => !known[kind].has(name)) ?? (unmatched && vmNamed(unmatched.word));
}

/** A name that leads nowhere. */
export interface UnknownName {
  readonly kind: 'VM' | 'host';
  readonly name: string;
}
const vmNamed = (name: string): UnknownName => ({ kind: 'VM', name });

/** What one member of the wave is to do. */
export function memberPlan({ plan, members, wave }: RehearsalScenario, estate: Estate, vm: EstateVm): MigrationPlan {
  const host = hostOf(estate, vm);
  const own = members[vm.name] ?? {};
  // Member by member, for the reason said at `withDatastore`.
  return {
    downtimeMax: own.downtimeMax ?? plan.downtimeMax,
    roundsMax: own.roundsMax ?? plan.roundsMax,
    refreshEvery: own.refreshEvery ?? plan.refreshEvery,
    approval: own.approval ?? plan.approval,
    testLaunch: own.testLaunch ?? plan.testLaunch,
    handOver: own.handOver ?? plan.handOver,
    quiesce: own.quiesce ?? plan.quiesce,
    onValidationFailure: own.onValidationFailure ?? plan.onValidationFailure,
    vm: { name: vm.name, platform: host.platform, guest: guests[vm.guest].family },
    disks: vm.disks.map(({ id, size }) => ({ id, size })),
    source: `${host.platform}://${host.name}/${vm.name}`,
    target: `vsphere://simulated/${vm.name}`,
    requester: wave.requester,
  };
}
