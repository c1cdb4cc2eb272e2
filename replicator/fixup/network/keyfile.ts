import type { Change } from './changes.ts';
import type { Network, Term, Use } from './network.ts';
import { networkSystem } from './network-system.ts';
import { iniLines, settingOf, termsIn, writeLine, type IniLine } from './ini-lines.ts';

const folder = '/etc/NetworkManager/system-connections/';
const nicTypes: ReadonlySet<string> = new Set(['', 'ethernet', '802-3-ethernet', 'wifi', '802-11-wireless', 'pppoe']);
const hardware = ['ethernet', '802-3-ethernet'] as const;

/** Keyfiles of NetworkManager: a connection each, found by a name, an address, or what [match] asks for. */
export const keyfile = networkSystem({
  name: 'networkmanager-keyfile',
  isFirstTaken: false,
  collect: (files) => {
    const paths = Object.keys(files).filter((path) => path.startsWith(folder) && isRead(path));
    return paths.length === 0 ? undefined : paths.map((path) => networkOf(path, iniLines(path, files[path] ?? '')));
  },
  write: (before, change) =>
    // The list of [match] ends with a semicolon, as NetworkManager writes it.
    writeLine(before, change.term.key.startsWith('mac-address-') ? undenied(change) : change, {
      join: (values) => values.map((value) => `${value};`).join(''),
      keys: { name: 'interface-name', mac: 'mac-address' },
    }),
});

// Addresses on a list of those that must not fit have no sign there: all of them are meant so.
const undenied = (change: Change): Change => {
  const plain = (values: readonly string[]): readonly string[] => values.map((value) => value.replace(/^!/, ''));
  const term = { ...change.term, values: plain(change.term.values) };
  return change.type === 'values' ? { ...change, term, values: plain(change.values) } : { ...change, term };
};

// Hidden files and what editors and package managers leave are not read.
const isRead = (path: string): boolean => !/\/(\.[^/]*|[^/]*(~|\.rpmsave|\.rpmnew|\.bak|\.swp|\.dpkg-.*))$/.test(path);

function networkOf(path: string, lines: readonly IniLine[]): Network {
  const own = (...keys: readonly string[]): string | undefined => settingOf(lines, 'connection', ...keys);
  const type = own('type') ?? '';
  const id = own('id') ?? path.slice(folder.length).replace(/\.nmconnection$/, '');
  const name = own('interface-name');
  const isNic = nicTypes.has(type);
  return {
    ...{ id, path, kind: isNic ? 'nic' : 'virtual' },
    terms: isNic ? termsOf(lines) : [],
    names: [id, own('uuid'), isNic ? undefined : name].filter((one) => one !== undefined),
    uses: usesOf(lines, type, name),
    // What is missing when NetworkManager starts is waited for by nobody but what asks for the network to be up.
    isNeeded: false,
    ...macSet(lines),
    options: lines
      .filter(({ section, key }) => section === 'ethtool' && /^(feature|ring|coalesce|channels|pause|eee)-/.test(key))
      .map(({ key, value }) => `${key}=${value}`),
  };
}

function termsOf(lines: readonly IniLine[]): readonly Term[] {
  const one = (value: string): readonly string[] => (value === '' ? [] : [value]);
  const listed = (value: string): readonly string[] =>
    value
      .split(/[;,]/)
      // `|` is any of these, which is what a plain word means; `&` is this one in any case, which is near enough.
      .map((word) => word.trim().replace(/^[|&]+/, ''))
      .filter((word) => word !== '');
  const denied = (value: string): readonly string[] => listed(value).map((word) => `!${word}`);
  return [
    ...termsIn(lines, 'connection', { 'interface-name': 'name' }, one),
    ...hardware.flatMap((section) => termsIn(lines, section, { 'mac-address': 'mac' }, one)),
    ...hardware.flatMap((section) =>
      termsIn(lines, section, { 'mac-address-blacklist': 'mac', 'mac-address-denylist': 'mac' }, denied),
    ),
    ...termsIn(lines, 'match', { 'interface-name': 'name', driver: 'driver', path: 'path' }, listed),
  ];
}

function usesOf(lines: readonly IniLine[], type: string, name: string | undefined): readonly Use[] {
  const above = settingOf(lines, 'connection', 'controller', 'master');
  const kind = settingOf(lines, 'connection', 'port-type', 'slave-type') ?? '';
  const parent =
    type === 'vlan' || type === 'macvlan' || type === 'vxlan' ? settingOf(lines, type, 'parent') : undefined;
  const dotted = type === 'vlan' && parent === undefined ? /^(.+)\.\d+$/.exec(name ?? '')?.[1] : undefined;
  const first =
    settingOf(lines, 'bond', 'primary') ??
    /(?:^|,)primary=([^,]+)/.exec(settingOf(lines, 'bond', 'options') ?? '')?.[1];
  return [
    ...(above === undefined || above === '' ? [] : [{ as: kind === '' ? 'controller' : kind, name: above }]),
    ...[parent, dotted]
      .filter((one) => one !== undefined && one !== '')
      .map((one) => ({ as: 'parent', name: one ?? '' })),
    ...(first === undefined ? [] : [{ as: 'member', name: first }]),
  ];
}

function macSet(lines: readonly IniLine[]): { readonly setsMac?: Term } {
  const [term] = hardware.flatMap((section) =>
    termsIn(lines, section, { 'cloned-mac-address': 'mac' }, (value) => (value === '' ? [] : [value])),
  );
  return term === undefined ? {} : { setsMac: term };
}
