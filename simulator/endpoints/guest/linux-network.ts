import { nicModels, type GuestHardware } from './hardware.ts';
import type { InstalledKernel, InstalledSystem } from './installed-system.ts';

/** A card that a booted Linux has found, with what it made of it. */
export interface BootedNic {
  readonly name: string;
  readonly mac: string;
  readonly driver: string;
  /** Addresses with their prefix that are configured for its name. */
  readonly addresses: readonly string[];
  /** Its network is told by DHCP: an address as soon as its link is up. */
  readonly dhcp: boolean;
}

/** What became of the network of a guest. `trouble`: a unit that failed, in words of the console. */
export interface BootedNetwork {
  readonly nics: readonly BootedNic[];
  readonly trouble: readonly string[];
}

/**
 * Names of cards, and what is configured for them. A card without a driver is not there; a name that no card has stays
 * without its addresses.
 * @source systemd.link(5), systemd 252: .link files are read in the order of their names, the first that matches counts; without one the name comes from the slot.
 * @source interfaces(5), ifupdown 0.8: `auto` brings interfaces up at boot, and networking.service fails if one is missing.
 */
export function bootNetwork(
  { files }: InstalledSystem,
  kernel: InstalledKernel,
  { nicModel, nics }: GuestHardware,
): BootedNetwork {
  const { module, names } = nicModels[nicModel];
  if (kernel.drivers[module] === undefined)
    return { nics: [], trouble: wanted(files).map((name) => `Cannot find device "${name}"`) };
  const found = nics.map(({ mac }, slot) => {
    const name = linkName(files, mac) ?? ruleName(files, mac) ?? names[slot] ?? `eth${slot}`;
    return { name, mac, driver: module, ...configured(files, name) };
  });
  const there = new Set(found.map(({ name }) => name));
  return {
    nics: found,
    trouble: wanted(files)
      .filter((name) => !there.has(name))
      .map((name) => `Cannot find device "${name}"`),
  };
}

const byName = ([a]: readonly [string, string], [b]: readonly [string, string]): number => {
  const [one, other] = [a, b].map((path) => path.slice(path.lastIndexOf('/') + 1));
  return (one ?? '') < (other ?? '') ? -1 : 1;
};

function linkName(files: InstalledSystem['files'], mac: string): string | undefined {
  const links = Object.entries(files)
    .filter(([path]) => /^\/(etc|usr\/lib|lib)\/systemd\/network\/[^/]+\.link$/.test(path))
    .toSorted(byName);
  for (const [, text] of links) {
    const match = /^\s*(?:PermanentMACAddress|MACAddress)\s*=\s*(.+)$/m.exec(text)?.[1] ?? '';
    if (match.toLowerCase().split(/\s+/).includes(mac.toLowerCase())) return /^\s*Name\s*=\s*(\S+)/m.exec(text)?.[1];
  }
  return undefined;
}

function ruleName(files: InstalledSystem['files'], mac: string): string | undefined {
  for (const [path, text] of Object.entries(files)) {
    if (!path.startsWith('/etc/udev/rules.d/')) continue;
    const line = text.split('\n').find((one) => one.toLowerCase().includes(`"${mac.toLowerCase()}"`));
    const name = line && /NAME="([^"]+)"/.exec(line)?.[1];
    if (name) return name;
  }
  return undefined;
}

const interfacesPath = '/etc/network/interfaces';

/** Names that are to come up at boot. */
const wanted = (files: InstalledSystem['files']): readonly string[] =>
  [...(files[interfacesPath] ?? '').matchAll(/^auto\s+(.+)$/gm)]
    .flatMap(([, names = '']) => names.trim().split(/\s+/))
    .filter((name) => name !== 'lo');

function configured(files: InstalledSystem['files'], name: string): Pick<BootedNic, 'addresses' | 'dhcp'> {
  const stanzas = (files[interfacesPath] ?? '').split(/^(?=iface\s)/m);
  const own = stanzas.filter((text) => new RegExp(`^iface\\s+${name}\\s`).test(text));
  return {
    addresses: own.flatMap((text) => /^\s+address\s+(\S+)/m.exec(text)?.[1] ?? []),
    dhcp: own.some((text) => /^iface\s+\S+\s+inet\s+dhcp/.test(text)),
  };
}
