import type { Estate, EstateHost, EstateLink, EstateVm } from '#simulator/estate/estate';
import { invariant } from '#core/invariant';

/** The way of one VM's stream from its host to its replica, and the most that it can take by itself. */
export interface Way {
  readonly path: readonly string[];
  readonly streamMax: number;
  /** Reading only, for digests: it ends at the host. */
  readonly read: { readonly path: readonly string[]; readonly streamMax: number };
}

// A warm copy of one disk alone was published at 76.5 MB/s, from the host's side.
const diskMax = 76_500_000;
// As the replicator does: eight connections, each with a window of 4 MiB.
const connections = 8;
const windowMax = 4 * 2 ** 20;
const segment = 1_448;

/** Every place that streams share, with what it can carry in bytes per second. */
export function placesOf({ hosts, links, gateway, receiver }: Estate): ReadonlyMap<string, number> {
  return new Map([
    ...hosts.map(({ name, read }) => [`host ${name}`, read] as const),
    ['gateway', gateway.bandwidth] as const,
    ...links.map(({ name, bandwidth }) => [linkPlace(name), bandwidth] as const),
    ['receiver', receiver.bandwidth] as const,
  ]);
}

/** The place that stands for a link. */
export const linkPlace = (name: string): string => `link ${name}`;

/** The link a VM's stream crosses. */
export function linkOf({ links }: Estate, vm: EstateVm): EstateLink {
  const link = links.find(({ name }) => name === vm.link);
  invariant(link, `VM ${vm.name} has no link ${vm.link}`);
  return link;
}

/** The host a VM is on. */
export function hostOf({ hosts }: Estate, vm: EstateVm): EstateHost {
  const host = hosts.find(({ name }) => name === vm.host);
  invariant(host, `VM ${vm.name} has no host ${vm.host}`);
  return host;
}

/** The way of a VM's stream. */
export function wayOf(estate: Estate, vm: EstateVm): Way {
  const { gateway, receiver } = estate;
  const disks = vm.disks.length * diskMax;
  const host = `host ${vm.host}`;
  return {
    path: [host, 'gateway', linkPlace(vm.link), 'receiver'],
    streamMax: Math.floor(Math.min(disks, gateway.flow, receiver.flow, tcpMax(linkOf(estate, vm)))),
    read: { path: [host], streamMax: disks },
  };
}

/**
 * What TCP can carry over a link: a window per round trip, and less where packets are lost.
 *
 * @source Mathis et al., The macroscopic behavior of the TCP congestion avoidance algorithm (1997)
 * @differs Loss and round trip are the same all the time, and the congestion control is that of 1997.
 */
function tcpMax({ latency, loss }: EstateLink): number {
  const roundTrip = Math.max(1, 2 * latency) / 1_000;
  const byWindow = (connections * windowMax) / roundTrip;
  if (loss.numerator === 0) return byWindow;
  const byLoss = (connections * segment * 1.22) / (roundTrip * Math.sqrt(loss.numerator / loss.denominator));
  return Math.min(byWindow, byLoss);
}
