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
  const listed = estate.vms.map(({ disks, writes, ...vm }): FleetVm => ({
    ...vm,
    disks: disks.map(({ id, size, used, tracked }, i) => ({
      id: id ?? diskId(`disk${i}`),
      size,
      used: typeof used === 'number' ? used : bytes(Math.floor((size * used.numerator) / used.denominator)),
      tracked,
    })),
    writes: { ...writes, bursts: writes.bursts && { ...writes.bursts, seed: seedOf(rng, vm.name) } },
  }));
  const vms = [...listed, ...fleet.vms].map((vm, i): FleetVm => ({
    ...vm,
    // Each in turn, so that the fleet is spread over them.
    datastore: vm.datastore ?? datastores[i % Math.max(1, datastores.length)]?.name,
  }));
  return { hosts: [...estate.hosts, ...fleet.hosts], links, gateway, receiver, datastores, vcenter, vms };
}

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
  const { after: _after, ends: _ends, priority: _priority, expected: _expected, ...own } = members[vm.name] ?? {};
  return {
    ...plan,
    ...definedOf(own),
    vm: { name: vm.name, platform: host.platform, guest: guests[vm.guest].family },
    disks: vm.disks.map(({ id, size }) => ({ id, size })),
    source: `${host.platform}://${host.name}/${vm.name}`,
    target: `vsphere://simulated/${vm.name}`,
    requester: wave.requester,
  };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
const definedOf = <T extends object>(values: T): Defined<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;
