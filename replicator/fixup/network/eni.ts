import type { GuestImage } from '#core/ports/fix-up';
import { fits, type Network, type Place, type Term, type Use } from './network.ts';
import { networkSystem } from './network-system.ts';

const root = '/etc/network/interfaces';

/** One `iface`, with the lines below it. */
interface Stanza {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly options: readonly Option[];
}

interface Option {
  readonly key: string;
  readonly value: string;
  readonly place: Place;
}

interface Written {
  readonly stanzas: readonly Stanza[];
  /** Names and patterns after `auto`: started at boot, and missed where they are not there. */
  readonly started: readonly string[];
}

/**
 * /etc/network/interfaces of Debian, with what it sources. It knows NICs by name alone, so what may break is what it names:
 * NICs that are not there, members of bonds, ports of bridges, parents of VLANs.
 */
export const eni = networkSystem({
  name: 'eni',
  isFirstTaken: false,
  collect: (files) => {
    const { stanzas, started } = read(files, root, new Set());
    const names = [...new Set(stanzas.map(({ name }) => name))];
    if (names.length === 0) return undefined;
    return names.map((name) => networkOf(name, { stanzas: stanzas.filter((one) => one.name === name), started }));
  },
  // The one thing written here that is not a name is the address a NIC is given.
  write: (before, { term, ...change }) =>
    change.type === 'values' ? before.replace(term.values[0] ?? '', () => change.values[0] ?? '') : before,
});

/** A file and those it sources. A file that sources itself is read once, as are those of a pattern. */
function read(files: GuestImage['files'], path: string, seen: Set<string>): Written {
  const text = files[path];
  if (text === undefined || seen.has(path)) return { stanzas: [], started: [] };
  seen.add(path);
  const stanzas: Stanza[] = [];
  const started: string[] = [];
  let open: { options: Option[] } | undefined;
  for (const { words, place } of logicalLines(path, text)) {
    const [key = '', ...rest] = words;
    if (/^(iface|auto|allow-.*|mapping|source|source-directory|rename|no-auto-down|no-scripts)$/.test(key))
      open = undefined;
    if (key === 'iface') {
      const options: Option[] = [];
      stanzas.push({ name: rest[0] ?? '', method: rest[2] ?? '', path, options });
      open = { options };
    } else if (key === 'auto' || key === 'allow-auto') started.push(...rest);
    else if (key === 'source' || key === 'source-directory') {
      for (const other of sourced(files, key, rest)) {
        const more = read(files, other, seen);
        stanzas.push(...more.stanzas);
        started.push(...more.started);
      }
    } else open?.options.push({ key, value: rest.join(' '), place });
  }
  return { stanzas, started };
}

/** Lines without comments; one that ends in a backslash goes on in the next. */
function logicalLines(
  path: string,
  text: string,
): readonly { readonly words: readonly string[]; readonly place: Place }[] {
  return [...text.matchAll(/(?:[^\n\\]|\\[^])+/g)].flatMap((match) => {
    const words = match[0].replaceAll('\\\n', ' ').trim().split(/\s+/);
    if (words[0] === '' || words[0]?.startsWith('#') === true) return [];
    return [{ words, place: { path, start: match.index, end: match.index + match[0].length } }];
  });
}

function sourced(files: GuestImage['files'], key: string, patterns: readonly string[]): readonly string[] {
  const whole = patterns.map((pattern) => (pattern.startsWith('/') ? pattern : `/etc/network/${pattern}`));
  const isWanted = (path: string): boolean =>
    whole.some((pattern) =>
      key === 'source'
        ? fits(pattern, path) && pattern.split('/').length === path.split('/').length
        : path.startsWith(`${pattern.replace(/\/$/, '')}/`) && /\/[\w-]+$/.test(path.slice(pattern.length - 1)),
    );
  return Object.keys(files).filter(isWanted).toSorted();
}

function networkOf(name: string, { stanzas, started }: Written): Network {
  const options = stanzas.flatMap((stanza) => stanza.options);
  const uses = usesOf(name, options);
  const isVirtual =
    uses.some(({ as }) => as !== 'bond') ||
    options.some(
      ({ key, value }) => /^(bond-slaves|bond_slaves|slaves|bridge[-_]ports)$/.test(key) || makesLink(value),
    ) ||
    stanzas.some(({ method }) => /^(loopback|tunnel|v4tunnel|6to4|ppp|wvdial|can|batman)$/.test(method)) ||
    virtualName.test(name);
  const alias = /^([^:]+):/.exec(name)?.[1];
  const setsMac = options.find(({ key }) => key === 'hwaddress' || key === 'hw-mac-address');
  const term: Term = { by: 'name', values: [alias ?? name], key: 'iface' };
  return {
    ...{ id: name, kind: isVirtual ? 'virtual' : 'nic', path: stanzas[0]?.path ?? root },
    terms: isVirtual ? [] : [term],
    names: isVirtual ? [name] : [],
    uses,
    isNeeded: alias === undefined && started.some((pattern) => fits(pattern.replace(/^\//, ''), name)),
    ...(setsMac !== undefined && { setsMac: macTerm(setsMac) }),
    options: options.filter(isForDriver).map(({ key, value }) => `${key} ${value}`.trim()),
  };
}

const virtualName = /^(lo|dummy\d*|tun\d*|tap\d*|ppp\d*|wg\d*|veth.*|sit\d*|gre\d*|docker\d*|virbr\d*)$/;
const makesLink = (value: string): boolean => /\bip(?: link| tuntap)? add\b|\bbrctl addbr\b|\bip tuntap\b/.test(value);

const macTerm = ({ key, value, place }: Option): Term => ({
  by: 'mac',
  key,
  // `hwaddress ether 52:54:...`: the class of hardware may be left out.
  values: [value.split(' ').find((word) => word !== 'ether') ?? ''],
  place,
});

function usesOf(name: string, options: readonly Option[]): readonly Use[] {
  const listed = (pattern: RegExp): readonly string[] =>
    options.filter(({ key }) => pattern.test(key)).flatMap(({ value }) => value.split(' '));
  // `none`, `all` and `regex` say how ports are chosen; what follows `regex` is a pattern.
  const plain = (names: readonly string[]): readonly string[] =>
    names.filter((one, index) => !/^(none|all|regex|noregex|)$/.test(one) && names[index - 1] !== 'regex');
  const dotted = /^(.+?)\.\d+(?::.*)?$/.exec(name)?.[1];
  const parents = listed(/^vlan[-_]raw[-_]device$/);
  return [
    ...plain(listed(/^(bond-slaves|bond_slaves|slaves)$/)).map((one) => ({ as: 'member', name: one })),
    ...plain(listed(/^bond[-_]primary$/)).map((one) => ({ as: 'member', name: one })),
    ...plain(listed(/^bond[-_]master$/)).map((one) => ({ as: 'bond', name: one })),
    ...plain(listed(/^bridge[-_]ports$/)).map((one) => ({ as: 'port', name: one })),
    ...(parents.length > 0 ? parents : dotted === undefined ? [] : [dotted]).map((one) => ({
      as: 'parent',
      name: one,
    })),
  ];
}

const isForDriver = ({ key, value }: Option): boolean =>
  /^(offload-|hardware-|link-(speed|duplex|autoneg)|ethernet-|ethtool-|driver-message)/.test(key) ||
  (/^(pre-up|up|post-up)$/.test(key) && /\bethtool\s+-[A-Zcegkst]\b/.test(value));
