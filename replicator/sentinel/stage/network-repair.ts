import type { StageNic, StageSource } from './stage-file.ts';

/** One step that brings a guest's place in the network back to what it was. */
export type NetworkRepair =
  /** A card has another name than before, and the guest's configuration knows it by that. */
  | { readonly type: 'rename'; readonly from: string; readonly to: string; readonly mac: string }
  | { readonly type: 'address'; readonly nic: string; readonly address: string }
  | { readonly type: 'route'; readonly route: string }
  /** No card of the target is this one. Nothing can be done about it from inside. */
  | { readonly type: 'missing'; readonly nic: string; readonly mac: string };

/** Cards and routes as they are found on the target. */
export interface NetworkFound {
  readonly nics: readonly Pick<StageNic, 'name' | 'mac' | 'addresses'>[];
  readonly routes: readonly string[];
}

/** Which card is which: by hardware address, and where that was not kept, by their order if there are as many. */
export function pairNics(saved: readonly StageNic[], found: NetworkFound['nics']): ReadonlyMap<StageNic, string> {
  const pairs = new Map<StageNic, string>();
  for (const nic of saved) {
    const same = found.find(({ mac }) => mac.toLowerCase() === nic.mac);
    if (same !== undefined) pairs.set(nic, same.name);
  }
  const left = saved.filter((nic) => !pairs.has(nic));
  const free = found.filter(({ name }) => ![...pairs.values()].includes(name));
  if (left.length === free.length) left.forEach((nic, index) => pairs.set(nic, free[index]?.name ?? nic.name));
  return pairs;
}

/** Names that have to change. Pure, as are the others here. */
export const renamesOf = (source: StageSource, found: NetworkFound): readonly NetworkRepair[] => {
  const pairs = pairNics(source.nics, found.nics);
  return source.nics.flatMap((nic): readonly NetworkRepair[] => {
    const name = pairs.get(nic);
    if (name === undefined) return [{ type: 'missing', nic: nic.name, mac: nic.mac }];
    const mac = found.nics.find((one) => one.name === name)?.mac ?? nic.mac;
    return name === nic.name ? [] : [{ type: 'rename', from: name, to: nic.name, mac }];
  });
};

/**
 * Addresses and routes that are not there, once names are right. What was lent is left to whoever lends it: an address
 * of a foreign network, taken without asking, may be somebody else's by now.
 */
export function additionsOf(source: StageSource, found: NetworkFound): readonly NetworkRepair[] {
  const addresses = source.nics.flatMap((nic): readonly NetworkRepair[] => {
    const there = found.nics.find(({ name }) => name === nic.name);
    if (there === undefined) return [];
    return nic.addresses
      .filter((address) => !there.addresses.includes(address))
      .map((address) => ({ type: 'address', nic: nic.name, address }));
  });
  const lent = new Set(source.nics.filter((nic) => nic.lent.length > 0).map(({ name }) => name));
  const routes = source.routes
    .filter((route) => !/\bproto (?:kernel|dhcp|ra)\b/.test(route) && !lent.has(/\bdev (\S+)/.exec(route)?.[1] ?? ''))
    .filter((route) => !found.routes.some((other) => leadsTo(other) === leadsTo(route)));
  return [...addresses, ...routes.map((route) => ({ type: 'route', route }) as const)];
}

/** Where a route leads and through what: two that differ in a metric are the same to a guest. */
const leadsTo = (route: string): string =>
  `${route.split(' ')[0]} ${/\bvia (\S+)/.exec(route)?.[1] ?? ''} ${/\bdev (\S+)/.exec(route)?.[1] ?? ''}`;
