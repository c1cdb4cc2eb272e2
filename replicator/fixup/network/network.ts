import type { FixUpTarget } from '#core/ports/fix-up';

/*
 * What a guest's files say of its networks, as data, whichever system they are written for.
 *
 * A network finds its NIC by terms: a name, an address, a driver, a place. On other virtual hardware the name stays
 * (nic-names.ts sees to that) and mostly the address; driver, place and platform are other ones.
 */

/** Where something is written: characters `start` up to `end` of a file. */
export interface Place {
  readonly path: string;
  readonly start: number;
  readonly end: number;
}

/** What a term looks at. `kernelName` is the name a NIC has before it is given one, `platform` the hypervisor. */
export type TermKind = 'name' | 'mac' | 'driver' | 'path' | 'platform' | 'kernelName';

/** One condition. All terms of a network have to hold. */
export interface Term {
  readonly by: TermKind;
  /** Patterns as of a shell, of which any is enough. One that begins with `!` must not fit. */
  readonly values: readonly string[];
  /** As it is written, for people: `Driver`, `match.driver`. */
  readonly key: string;
  /** Undefined where it is no text that could be edited: the name of a file, or what a system takes for granted. */
  readonly place?: Place;
}

/** A network that names another one, or a NIC. */
export interface Use {
  /** What the other one is to it: `member`, `parent`, `port`. */
  readonly as: string;
  readonly name: string;
}

/** One network a guest is configured for. */
export interface Network {
  /** Unique within its system, and the same after an edit. */
  readonly id: string;
  /** `nic` looks for a NIC; `virtual` makes a device of its own: a bond, a VLAN, a bridge, a tunnel. */
  readonly kind: 'nic' | 'virtual';
  readonly path: string;
  /** No terms: any NIC will do. */
  readonly terms: readonly Term[];
  /** Names others may use for it, beside those of the NIC it finds. */
  readonly names: readonly string[];
  /** The name it gives the NIC it finds. */
  readonly gives?: string;
  readonly uses: readonly Use[];
  /** Whether starting the guest waits for it, or fails without it. */
  readonly isNeeded: boolean;
  /** The address it sets, in place of the NIC's own. */
  readonly setsMac?: Term;
  /** Settings that only some drivers take, as they are written. */
  readonly options: readonly string[];
}

/** A NIC of a target: the address it will have, the name it keeps, and the address it had where that is another one. */
export type Nic = FixUpTarget['nics'][number];

/** Whether something is so, as far as can be said from disks alone. */
export type Answer = 'yes' | 'no' | 'unknown';

/** A NIC at one of the two places it is at: what patterns of each kind say of it. */
export type NicView = Readonly<Record<TermKind, (pattern: string) => Answer>>;

/** Drivers of virtual NICs that vSphere does not have. */
const oldDrivers = [
  ...['virtio_net', 'virtio-pci', 'virtio_pci', 'virtio', 'hv_netvsc', 'netvsc', 'vif', 'xen_netfront', 'xennet'],
  ...['e1000', '8139cp', '8139too', 'pcnet32', 'ne2k-pci', 'tulip'],
];
/** What `systemd-detect-virt` says on other hypervisors. */
const oldPlatforms = ['kvm', 'qemu', 'microsoft', 'xen', 'bochs', 'amazon', 'oracle'];
const anyPlatforms = ['yes', 'true', '1', 'vm'];

/** Whether a driver's pattern is for hardware that stays behind. */
export const isOldDriver = (pattern: string): boolean => oldDrivers.some((name) => fits(pattern, name));
/** Whether a platform's pattern is for a hypervisor that stays behind. */
export const isOldPlatform = (word: string): boolean => oldPlatforms.includes(word);

/** How a NIC looks on the target. */
export const onTarget = ({ mac, name }: Nic, { nicModel }: Pick<FixUpTarget, 'nicModel'>): NicView => ({
  name: (pattern) => said(fits(pattern, name)),
  mac: (value) => said(macOf(value) === macOf(mac)),
  driver: (pattern) => said(fits(pattern, nicModel)),
  // Which slots a target has is not known here. Those of the source it has not.
  path: (pattern) => said(isAnyPlace(pattern)),
  platform: (word) => said(word === 'vmware' || anyPlatforms.includes(word)),
  kernelName,
});

/**
 * How a NIC looked on the source. Its driver is not known from disks: it is taken for any that stays behind, and what is
 * written for the target's own driver may have been found there or not.
 */
export const onSource = (nic: Nic, { nics, nicModel }: Pick<FixUpTarget, 'nics' | 'nicModel'>): NicView => ({
  name: (pattern) => said(fits(pattern, nic.name)),
  mac: (value) => said(macOf(value) === macOf(nic.formerMac ?? nic.mac)),
  driver: (pattern) => (isOldDriver(pattern) ? 'yes' : fits(pattern, nicModel) ? 'unknown' : 'no'),
  path: (pattern) => {
    if (isAnyPlace(pattern)) return 'yes';
    const there = nicAtPlace(pattern, nics);
    return there === undefined ? 'unknown' : said(there === nic);
  },
  platform: (word) => (isOldPlatform(word) || anyPlatforms.includes(word) ? 'yes' : 'unknown'),
  kernelName,
});

/** Whether a network takes a NIC. */
export function takes(network: Network, view: NicView): Answer {
  if (network.kind === 'virtual') return 'no';
  return all(conditionsOf(network).map((term) => holds(term, view)));
}

/** The terms of a network, with those of one key as one: a list may be written in several lines. */
export function conditionsOf({ terms }: Pick<Network, 'terms'>): readonly Omit<Term, 'place'>[] {
  const keys = [...new Set(terms.map(({ key }) => key))];
  return keys.flatMap((key) => {
    const [first, ...others] = terms.filter((term) => term.key === key);
    if (first === undefined) return [];
    return [{ by: first.by, key, values: [...first.values, ...others.flatMap(({ values }) => values)] }];
  });
}

/** Whether one condition holds for a NIC. */
export function holds({ by, values }: Pick<Term, 'by' | 'values'>, view: NicView): Answer {
  const must = values.filter((value) => !value.startsWith('!')).map((value) => view[by](value));
  const mustNot = values.filter((value) => value.startsWith('!')).map((value) => not(view[by](value.slice(1))));
  return all([...(must.length === 0 ? [] : [any(must)]), ...mustNot]);
}

/**
 * Which NIC was plugged in at a place, told by the names that are made from places: `enp1s0` is at pci-0000:01:00.0, and
 * in slot 3 of QEMU's older machine `ens3` is at pci-0000:00:03.0. Undefined if that does not say it.
 */
export function nicAtPlace(pattern: string, nics: readonly Nic[]): Nic | undefined {
  if (nics.length === 1) return nics[0];
  const place = pattern.replace(/^virtio-/, '');
  const there = nics.filter(({ name }) => placesOf(name).some((one) => fits(place, one)));
  return there.length === 1 ? there[0] : undefined;
}

function placesOf(name: string): readonly string[] {
  const [, domain = '0', bus, slot, part = '0'] = /^en(?:P(\d+))?p(\d+)s(\d+)(?:f(\d+))?(?:n.*|d.*)?$/.exec(name) ?? [];
  if (bus !== undefined && slot !== undefined)
    return [`pci-${hex(domain, 4)}:${hex(bus, 2)}:${hex(slot, 2)}.${hex(part, 1)}`];
  const hotplug = /^ens(\d+)$/.exec(name)?.[1];
  return hotplug === undefined ? [] : [`pci-0000:00:${hex(hotplug, 2)}.0`];
}

const hex = (digits: string, length: number): string => Number(digits).toString(16).padStart(length, '0');

/** An address as the kernel writes it: 52:54:00:12:34:56. Other forms have dashes, dots or capitals. */
export const macOf = (text: string): string => {
  const digits = text.toLowerCase().replaceAll(/[^0-9a-f]/g, '');
  return digits.length === 12 ? (digits.match(/../g) ?? []).join(':') : text.toLowerCase();
};

/** Whether a pattern as of a shell (`*`, `?`, `[a-z]`, `{a,b}`) fits the whole of a word. */
export function fits(pattern: string, word: string): boolean {
  if (!/[*?[{]/.test(pattern)) return pattern === word;
  let depth = 0;
  const source = pattern.replaceAll(/\[!|[*?[\]{},-]|[.+^$|()\\]/g, (sign) => {
    if (sign === '{') depth += 1;
    if (sign === '}') depth -= 1;
    const plain: Readonly<Record<string, string>> = {
      ...{ '*': '.*', '?': '.', '[!': '[^', '[': '[', ']': ']', '-': '-' },
      ...{ '{': '(?:', '}': ')', ',': depth > 0 ? '|' : ',' },
    };
    return plain[sign] ?? `\\${sign}`;
  });
  try {
    return new RegExp(`^${source}$`).test(word);
  } catch {
    return false; // A pattern with an open bracket fits nothing.
  }
}

// A pattern that names no number names no slot.
const isAnyPlace = (pattern: string): boolean => /[*?]/.test(pattern) && !/\d/.test(pattern);

// eth0, eth1 ... are given in the order in which NICs are found.
const kernelName = (pattern: string): Answer =>
  /^eth\d+$/.test(pattern) ? 'unknown' : said(fits(pattern, 'eth0') || fits(pattern, 'eth1'));

const said = (isSo: boolean): Answer => (isSo ? 'yes' : 'no');
const not = (answer: Answer): Answer => (answer === 'unknown' ? 'unknown' : said(answer === 'no'));
const all = (answers: readonly Answer[]): Answer =>
  answers.includes('no') ? 'no' : answers.includes('unknown') ? 'unknown' : 'yes';
const any = (answers: readonly Answer[]): Answer =>
  answers.includes('yes') ? 'yes' : answers.includes('unknown') ? 'unknown' : 'no';
