import type { Estate, EstateHost, EstateLink, EstateVm } from '#simulator/estate/estate';
import { InvariantError } from '#core/invariant';
import type { Assumptions, ComputeAssumptions, StreamAssumptions } from './assumptions.ts';

/** The way of one VM's stream from its host to its replica, and the most that it can take by itself. */
export interface Way {
  readonly path: readonly string[];
  readonly streamMax: number;
  /** Reading only, for digests: it ends at the host. */
  readonly read: { readonly path: readonly string[]; readonly streamMax: number };
}

/** Every place that streams share, with what it can carry in bytes per second. */
export function placesOf(estate: Estate, compute: ComputeAssumptions): ReadonlyMap<string, number> {
  const { hosts, links, gateway, receiver, datastores = [] } = estate;
  const processors = (
    place: string,
    cores: number | undefined,
    perCore: number,
  ): readonly (readonly [string, number])[] => (cores === undefined ? [] : [[processorPlace(place), cores * perCore]]);
  return new Map<string, number>([
    ...hosts.flatMap(({ name, read, cores }) => [
      [hostPlace(name), read] as const,
      ...processors(hostPlace(name), cores, compute.digestPerCore),
    ]),
    [gatewayPlace, gateway.bandwidth],
    ...processors(gatewayPlace, gateway.cores, compute.streamPerCore),
    ...links.map(({ name, bandwidth }) => [linkPlace(name), bandwidth] as const),
    [receiverPlace, receiver.bandwidth],
    ...processors(receiverPlace, receiver.cores, compute.streamPerCore),
    ...datastores.map(({ name, write }) => [datastorePlace(name), write] as const),
  ]);
}

/** The place that stands for the gateway. */
export const gatewayPlace = 'gateway';
/** The place that stands for the receiver. */
export const receiverPlace = 'receiver';
/** The place that stands for a host's disks. */
export const hostPlace = (name: string): string => `host ${name}`;
/** The place that stands for a datastore. */
export const datastorePlace = (name: string): string => `datastore ${name}`;
/** The place that stands for one VM's sentinel: only where something may happen to that. */
export const sentinelPlace = (vm: string): string => `sentinel ${vm}`;
const processorPlace = (place: string): string => `${place} processors`;
/** The place that stands for a link. */
export const linkPlace = (name: string): string => `link ${name}`;

/** The link a VM's stream crosses. */
export function linkOf({ links }: Estate, vm: EstateVm): EstateLink {
  const link = named(linkTables, links, vm.link);
  if (!link) throw new InvariantError(`VM ${vm.name} has no link ${vm.link}`);
  return link;
}

/** The host a VM is on. */
export function hostOf({ hosts }: Estate, vm: EstateVm): EstateHost {
  const host = named(hostTables, hosts, vm.host);
  if (!host) throw new InvariantError(`VM ${vm.name} has no host ${vm.host}`);
  return host;
}

// Every round asks for its host, and there are more rounds the more hosts there are. An estate is never changed in place.
type Tables<T> = WeakMap<readonly T[], ReadonlyMap<string, T>>;
const hostTables: Tables<EstateHost> = new WeakMap();
const linkTables: Tables<EstateLink> = new WeakMap();

function named<T extends { readonly name: string }>(
  tables: Tables<T>,
  items: readonly T[],
  name: string,
): T | undefined {
  const known = tables.get(items);
  if (known) return known.get(name);
  const table = new Map(items.map((item) => [item.name, item]));
  tables.set(items, table);
  return table.get(name);
}

/** The way of a VM's stream. Places of its own come first, such as its sentinel's. */
export function wayOf(estate: Estate, vm: EstateVm, assumed: NetworkAssumptions, own: readonly string[] = []): Way {
  const { streams, compute } = assumed;
  const { gateway, receiver } = estate;
  const disks = vm.disks.length * streams.diskMax;
  const processors = (place: string, cores: number | undefined): readonly string[] =>
    cores === undefined ? [place] : [place, processorPlace(place)];
  const reading = [...own, ...processors(hostPlace(vm.host), hostOf(estate, vm).cores)];
  // One stream is encrypted on one core at a time.
  const perCore = gateway.cores === undefined && receiver.cores === undefined ? Infinity : compute.streamPerCore;
  const tcp = tcpMax(linkOf(estate, vm), streams);
  return {
    path: [
      ...reading,
      ...processors(gatewayPlace, gateway.cores),
      linkPlace(vm.link),
      ...processors(receiverPlace, receiver.cores),
      ...(vm.datastore === undefined ? [] : [datastorePlace(vm.datastore)]),
    ],
    streamMax: Math.floor(Math.min(disks, gateway.flow, receiver.flow, tcp, perCore)),
    read: { path: reading, streamMax: disks },
  };
}

/**
 * The ways of an estate's VMs. Those that go from the same host over the same places have one way, and not one each: a fleet
 * of thousands has a few hundred.
 */
export function sharedWays(estate: Estate, assumed: NetworkAssumptions): (vm: EstateVm) => Way {
  const known = new Map<string, Way>();
  return (vm) => {
    const { host, link, datastore = '', disks } = vm;
    const name = [host, link, datastore, disks.length].join('\n');
    const before = known.get(name);
    if (before) return before;
    const way = wayOf(estate, vm, assumed);
    known.set(name, way);
    return way;
  };
}

type NetworkAssumptions = Pick<Assumptions, 'streams' | 'compute'>;

/**
 * What TCP can carry over a link: a window per round trip, and less where packets are lost.
 *
 * @source Mathis et al., The macroscopic behavior of the TCP congestion avoidance algorithm (1997)
 * @differs Loss and round trip are the same all the time, and the congestion control is that of 1997.
 */
export function tcpMax({ latency, loss }: EstateLink, { connections, window, segment }: StreamAssumptions): number {
  const roundTrip = Math.max(1, 2 * latency) / 1_000;
  const byWindow = (connections * window) / roundTrip;
  if (loss.numerator === 0) return byWindow;
  const byLoss = (connections * segment * 1.22) / (roundTrip * Math.sqrt(loss.numerator / loss.denominator));
  return Math.min(byWindow, byLoss);
}
