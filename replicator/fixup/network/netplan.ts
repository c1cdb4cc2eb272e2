import { isMap, isScalar, isSeq, parseDocument, type Pair, type Scalar, type YAMLMap } from 'yaml';
import type { GuestImage } from '#core/ports/fix-up';
import type { Network, Term, TermKind, Use } from './network.ts';
import { networkSystem } from './network-system.ts';

/** What one kind of device is called, and which of its keys name others. */
interface Kind {
  readonly isNic: boolean;
  readonly uses: readonly (readonly [key: string, as: string])[];
}

const kinds: Readonly<Record<string, Kind>> = {
  ethernets: { isNic: true, uses: [] },
  wifis: { isNic: true, uses: [] },
  bonds: { isNic: false, uses: [['interfaces', 'member'], ['primary', 'member']] }, // prettier-ignore
  bridges: { isNic: false, uses: [['interfaces', 'port']] },
  vlans: { isNic: false, uses: [['link', 'parent']] },
  vrfs: { isNic: false, uses: [['interfaces', 'member']] },
  tunnels: { isNic: false, uses: [] },
  vxlans: { isNic: false, uses: [['link', 'parent']] },
  'dummy-devices': { isNic: false, uses: [] },
};
const matchKeys: Readonly<Record<string, TermKind>> = { name: 'name', macaddress: 'mac', driver: 'driver' };
const driverKeys =
  /^((receive|transmit)-checksum-offload|(tcp|tcp6|generic)-segmentation-offload|(generic|large)-receive-offload|virtual-function-count|embedded-switch-mode|delay-virtual-functions-rebind|wakeonlan)$/;

/** A definition as several files together make it. */
interface Definition {
  readonly kind: Kind;
  readonly path: string;
  /** By key, so that a later file takes the place of an earlier one. */
  readonly match: Map<string, Term>;
  readonly settings: Map<string, string>;
  readonly uses: Use[];
  setsMac?: Term;
}

/**
 * netplan: YAML files, read in the order of their names, of which later ones add to and overrule earlier ones. Devices name
 * each other by the keys of their definitions.
 */
export const netplan = networkSystem({
  name: 'netplan',
  isFirstTaken: false,
  collect: (files) => {
    const definitions = new Map<string, Definition>();
    for (const path of filesOf(files)) readFile(path, files[path] ?? '', definitions);
    if (definitions.size === 0) return undefined;
    return [...definitions].map(([id, definition]) => networkOf(id, definition));
  },
  write: (before, change) => {
    const { term } = change;
    if (change.type !== 'values') return before;
    const [from, to] = [term.values, change.values];
    if (from.length === to.length)
      return from.reduce((text, value, index) => text.replace(value, () => to[index] ?? ''), before);
    return `${/^[^:]+:\s*/.exec(before)?.[0] ?? ''}[${to.join(', ')}]`;
  },
});

const filesOf = (files: GuestImage['files']): readonly string[] =>
  Object.keys(files)
    .filter((path) => /^\/etc\/netplan\/[^/]+\.yaml$/.test(path))
    .toSorted();

function readFile(path: string, text: string, definitions: Map<string, Definition>): void {
  const document = parseDocument(text);
  const network = document.get('network');
  // What netplan cannot read it does not apply either.
  if (document.errors.length > 0 || !isMap(network)) return;
  for (const [name, kind] of Object.entries(kinds)) {
    const group = network.get(name);
    if (!isMap(group)) continue;
    for (const pair of group.items) {
      const id = keyOf(pair);
      if (!isMap(pair.value)) {
        // `ens3: {}` and `ens3:` are a definition all the same.
        if (id !== '') definitions.set(id, definitions.get(id) ?? fresh(kind, path));
        continue;
      }
      const definition = definitions.get(id) ?? fresh(kind, path);
      definitions.set(id, definition);
      readDefinition(path, pair.value, definition);
    }
  }
}

const fresh = (kind: Kind, path: string): Definition => ({
  ...{ kind, path, match: new Map(), settings: new Map(), uses: [] },
});

function readDefinition(path: string, map: YAMLMap, definition: Definition): void {
  const { kind, match, settings, uses } = definition;
  for (const pair of map.items) {
    const key = keyOf(pair);
    if (key === 'match' && isMap(pair.value))
      for (const one of pair.value.items) {
        const by = matchKeys[keyOf(one)];
        if (by !== undefined) match.set(keyOf(one), termOf(path, one, by, `match.${keyOf(one)}`));
      }
    if (key === 'macaddress') definition.setsMac = termOf(path, pair, 'mac', key);
    if (key === 'parameters' && isMap(pair.value))
      for (const one of pair.value.items) uses.push(...usesOf(kind, keyOf(one), one));
    uses.push(...usesOf(kind, key, pair));
    if (isScalar(pair.value)) settings.set(key, textOf(pair.value));
  }
}

const usesOf = ({ uses }: Kind, key: string, pair: Pair): readonly Use[] =>
  uses.filter(([name]) => name === key).flatMap(([, as]) => valuesOf(pair).map((name) => ({ as, name })));

function termOf(path: string, pair: Pair, by: TermKind, key: string): Term {
  const start = isScalar(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
  const end = isScalar(pair.value) || isSeq(pair.value) ? (pair.value.range?.[1] ?? start) : start;
  return { by, key, values: valuesOf(pair), ...(end > start && { place: { path, start, end } }) };
}

/** As it is written, without quotes: for netplan every scalar is a word. */
const textOf = ({ value }: Scalar): string => (typeof value === 'string' ? value : JSON.stringify(value));

const keyOf = (pair: Pair): string => (isScalar(pair.key) ? textOf(pair.key) : '');

function valuesOf({ value }: Pair): readonly string[] {
  if (isScalar(value)) return value.value === null ? [] : [textOf(value)];
  return isSeq(value) ? value.items.flatMap((item) => (isScalar(item) ? [textOf(item)] : [])) : [];
}

function networkOf(id: string, { kind, path, match, settings, uses, setsMac }: Definition): Network {
  const gives = settings.get('set-name');
  // A NIC that is given a name is looked for by that name, and by what else is asked for. Without a match the key is it.
  const name: Term | undefined =
    gives !== undefined
      ? { by: 'name', values: [gives], key: 'set-name' }
      : match.size === 0
        ? { by: 'name', values: [id], key: 'ethernets' }
        : undefined;
  const others = [...match].filter(([key]) => gives === undefined || key !== 'name').map(([, term]) => term);
  const isOptional = settings.get('optional') === 'true' || settings.get('activation-mode') === 'off';
  return {
    ...{ id, path, kind: kind.isNic ? 'nic' : 'virtual' },
    terms: kind.isNic ? [...(name === undefined ? [] : [name]), ...others] : [],
    names: [id, ...(gives === undefined ? [] : [gives])],
    ...(gives !== undefined && { gives }),
    uses,
    isNeeded: kind.isNic && !isOptional && !match.has('name'),
    ...(setsMac !== undefined && { setsMac }),
    options: [...settings].filter(([key]) => driverKeys.test(key)).map(([key, value]) => `${key}: ${value}`),
  };
}
