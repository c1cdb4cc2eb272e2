import { diskId } from '#core/ids';
import type { MigrationPlan } from '#core/migration/plan';
import { invariant } from '#core/invariant';
import type { Rng } from '#core/rng';
import { after, bytes, millis, type Instant } from '#core/units';
import type { Estate, EstateVm } from '#simulator/estate/estate';
import { generateFleet, type FleetVm } from '#simulator/estate/generate';
import { guests } from '#simulator/estate/guest';
import { hostOf } from '#simulator/flow/network';
import { answerLost } from '#simulator/faults/answer-lost';
import { checkFailed } from '#simulator/faults/check-failed';
import type { Fault } from '#simulator/faults/fault';
import { launchFailed } from '#simulator/faults/launch-failed';
import { linkDown } from '#simulator/faults/link-down';
import { quiesceRefused } from '#simulator/faults/quiesce-refused';
import { trackingLost } from '#simulator/faults/tracking-lost';
import { validationFailed } from '#simulator/faults/validation-failed';
import { unreachable } from '#core/invariant';
import { unmatchedNames } from './expectation-schema.ts';
import type { FaultText } from './fault-schema.ts';
import type { RehearsalScenario } from './rehearsal-scenario.ts';

/** An estate whose VMs say which others they come after. */
export interface FleetEstate extends Estate {
  readonly vms: readonly FleetVm[];
}

/** The estate of a scenario: what it and its estate file list, and what it has made from the seed. */
export function estateOf({ estate }: RehearsalScenario, rng: Rng): FleetEstate {
  const { links, gateway, receiver, generate } = estate;
  const [link] = links;
  invariant(link, 'every scenario has a link');
  const fleet = generate ? generateFleet(rng, { ...generate, link: link.name }) : { hosts: [], vms: [] };
  const listed = estate.vms.map(({ disks, ...vm }): FleetVm => ({
    ...vm,
    disks: disks.map(({ id, size, used, tracked }, i) => ({
      id: id ?? diskId(`disk${i}`),
      size,
      used: typeof used === 'number' ? used : bytes(Math.floor((size * used.numerator) / used.denominator)),
      tracked,
    })),
  }));
  return { hosts: [...estate.hosts, ...fleet.hosts], links, gateway, receiver, vms: [...listed, ...fleet.vms] };
}

/** A VM that the scenario names and the estate does not have. */
export function unknownVm({ members, faults, expect }: RehearsalScenario, { vms }: FleetEstate): string | undefined {
  const names = new Set(vms.map(({ name }) => name));
  const named = [
    ...vms.flatMap(({ after = [] }) => after),
    ...Object.entries(members).flatMap(([name, member]) => [name, ...(member.after ?? [])]),
    ...faults.flatMap((fault) => (fault.type === 'linkDown' || fault.vms === 'all' ? [] : fault.vms)),
  ];
  return named.find((name) => !names.has(name)) ?? unmatchedNames(expect, [...names])[0]?.word;
}

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

/** The faults a scenario asks for, each with a stream of chance of its own. */
export const faultsOf = ({ faults }: RehearsalScenario, rng: Rng, start: Instant): readonly Fault[] =>
  faults.map((fault, i) => faultOf(fault, rng.fork(`${i} ${fault.type}`), start));

function faultOf(fault: FaultText, rng: Rng, start: Instant): Fault {
  switch (fault.type) {
    case 'checkFailed':
      return checkFailed(rng, fault, { id: fault.check, message: fault.message, remedy: fault.remedy });
    case 'quiesceRefused':
      return quiesceRefused(rng, fault, fault);
    case 'launchFailed':
      return launchFailed(rng, fault, fault);
    case 'validationFailed':
      return validationFailed(rng, fault, fault);
    case 'answerLost':
      return answerLost(rng, fault, fault);
    case 'trackingLost':
      return trackingLost(rng, fault);
    case 'linkDown': {
      const from = after(start, fault.at);
      return linkDown({ link: fault.link, from, until: after(from, millis(fault.lasts)) });
    }
    default:
      return unreachable(fault);
  }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
const definedOf = <T extends object>(values: T): Defined<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;
