import type { GuestNic } from '#core/ports/guest-agent';
import type { GuestSystem } from '#replicator/sentinel/guest-system';
import { lineIn } from './block-tree.ts';

/** A network interface, and which of its addresses it was lent: DHCP brings those back, nobody has to keep them. */
export interface LinkFound {
  readonly nic: GuestNic;
  readonly lent: readonly string[];
}

/** One address of one interface. */
export interface LinkAddress {
  readonly name: string;
  readonly address: string;
  /** Whether it has an end: it was given by DHCP or a router. */
  readonly lent: boolean;
}

/**
 * Reads `ip -o addr show`, which old and new versions write alike (`-j` came with iproute2 4.13). Addresses that hold
 * for the link only are left out: each machine makes its own.
 */
export const parseAddresses = (text: string): readonly LinkAddress[] =>
  text.split('\n').flatMap((line) => {
    const found = /^\d+:\s+(\S+?)(?:@\S+)?\s+inet6?\s+(\S+)(.*)$/.exec(line);
    if (!found || /\bscope (?:link|host)\b/.test(found[3] ?? '')) return [];
    // A peer's address is written in place of the prefix: `10.0.0.1 peer 10.0.0.2/32`.
    const address = (found[2] ?? '').includes('/') ? (found[2] ?? '') : `${found[2]}/32`;
    return [{ name: found[1] ?? '', address, lent: /\bdynamic\b/.test(found[3] ?? '') }];
  });

/** Reads `/proc/net/bonding/<bond>`: members with the addresses their hardware has, which a bond hides. */
export const parseBond = (text: string): readonly { readonly name: string; readonly mac: string }[] =>
  text.split('\n\n').flatMap((block) => {
    const name = /^Slave Interface: (\S+)/m.exec(block)?.[1];
    const mac = /^Permanent HW addr: (\S+)/m.exec(block)?.[1];
    return name === undefined ? [] : [{ name, mac: mac ?? '' }];
  });

/** Reads `/proc/net/vlan/config`: interface and number. */
export const parseVlans = (text: string): ReadonlyMap<string, number> =>
  new Map(
    text.split('\n').flatMap((line) => {
      const [name, number] = line.split('|').map((part) => part.trim());
      return name !== undefined && number !== undefined && /^\d+$/.test(number) ? [[name, Number(number)]] : [];
    }),
  );

/**
 * The interfaces that make up a guest's place in the network: hardware, and what is built on it (VLANs, bonds, bridges).
 * What containers and tunnels make for themselves is left out.
 */
export async function readLinks(system: GuestSystem, addresses: readonly LinkAddress[]): Promise<readonly LinkFound[]> {
  const names = (await system.list('/sys/class/net')).filter((name) => name !== 'lo' && name !== 'bonding_masters');
  const vlans = parseVlans((await system.read('/proc/net/vlan/config')) ?? '');
  const bonds = new Map<string, { readonly bond: string; readonly mac: string }>();
  for (const bond of await system.list('/proc/net/bonding')) {
    const members = parseBond((await system.read(`/proc/net/bonding/${bond}`)) ?? '');
    for (const { name, mac } of members) bonds.set(name, { bond, mac });
  }
  const links = await Promise.all(names.map((name) => readLink(system, name)));
  return links.flatMap((link) => {
    if (link.driver === '') return [];
    const own = addresses.filter(({ name }) => name === link.name);
    const member = bonds.get(link.name);
    const vlan = vlans.get(link.name);
    const nic: GuestNic = {
      name: link.name,
      mac: member?.mac || link.mac,
      addresses: own.map(({ address }) => address),
      ...(vlan === undefined ? {} : { vlan }),
      ...(member === undefined ? {} : { bond: member.bond }),
      driver: link.driver,
    };
    return [{ nic, lent: own.filter(({ lent }) => lent).map(({ address }) => address) }];
  });
}

/** The interfaces with their addresses. What could not be found out is added to `missing`. */
export async function readNetwork(system: GuestSystem, missing: string[] = []): Promise<readonly LinkFound[]> {
  const addresses = await system.run('ip', ['-o', 'addr', 'show']);
  if (addresses.status !== 0) missing.push(`addresses: ip said ${addresses.stderr.trim()}`);
  return readLinks(system, parseAddresses(addresses.stdout));
}

/** Routes as `ip` tells them, but for those that every machine makes for itself. */
export async function readRoutes(system: GuestSystem): Promise<readonly string[]> {
  const asked = await Promise.all([
    system.run('ip', ['-4', 'route', 'show']),
    system.run('ip', ['-6', 'route', 'show']),
  ]);
  return asked
    .flatMap(({ stdout }) => stdout.split('\n'))
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('fe80::'));
}

const built: ReadonlySet<string> = new Set(['vlan', 'bond', 'bridge', 'team']);

async function readLink(system: GuestSystem, name: string): Promise<{ name: string; mac: string; driver: string }> {
  const at = `/sys/class/net/${name}`;
  const devtype = /^DEVTYPE=(.*)$/m.exec((await system.read(`${at}/uevent`)) ?? '')?.[1] ?? '';
  const driver = /^DRIVER=(.*)$/m.exec((await system.read(`${at}/device/uevent`)) ?? '')?.[1] ?? '';
  const hardware = (await system.list(at)).includes('device');
  const mac = await lineIn(system, `${at}/address`);
  return { name, mac, driver: hardware ? driver || 'unknown' : built.has(devtype) ? devtype : '' };
}
