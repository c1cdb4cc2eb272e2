import type { Network, Term, TermKind, Use } from './network.ts';
import { networkSystem } from './network-system.ts';
import { iniLines, settingOf, termsIn, writeLine, type IniLine } from './ini-lines.ts';

const folder = '/etc/systemd/network/';
const above: Readonly<Record<string, string>> = {
  ...{ Bond: 'bond', Bridge: 'bridge', VRF: 'vrf', VLAN: 'vlan', MACVLAN: 'macvlan', IPVLAN: 'ipvlan' },
  ...{ VXLAN: 'vxlan', Tunnel: 'tunnel', MACVTAP: 'macvtap' },
};

/** What [Match] asks for, of which the NIC decides. */
export const matchKeys: Readonly<Record<string, TermKind>> = {
  ...{ Name: 'name', MACAddress: 'mac', PermanentMACAddress: 'mac', Driver: 'driver', Path: 'path' },
  Virtualization: 'platform',
};

/** systemd-networkd: .network files, of which a NIC takes the first that fits it, and .netdev files that make devices. */
export const networkd = networkSystem({
  name: 'networkd',
  isFirstTaken: true,
  collect: (files) => {
    const named = (suffix: string): readonly string[] =>
      Object.keys(files)
        .filter((path) => path.startsWith(folder) && path.endsWith(suffix))
        .toSorted();
    const paths = [...named('.network'), ...named('.netdev')];
    const linesOf = (path: string): readonly IniLine[] =>
      // What is in a folder beside a file is read after it, as if it stood there.
      [path, ...named('.conf').filter((other) => other.startsWith(`${path}.d/`))].flatMap((one) =>
        iniLines(one, files[one] ?? ''),
      );
    return paths.length === 0 ? undefined : paths.map((path) => networkOf(path, linesOf(path)));
  },
  write: (before, change) => writeMatch(before, change),
});

/** How a file of systemd writes a list: words, and a sign before the first that turns all of them round. */
export const writeMatch = (before: string, change: Parameters<typeof writeLine>[1]): string =>
  writeLine(before, change, {
    join: (values) => {
      const isTurned = values.some((value) => value.startsWith('!'));
      return `${isTurned ? '!' : ''}${values.map((value) => value.replace(/^!/, '')).join(' ')}`;
    },
    keys: { name: 'Name', mac: 'MACAddress' },
  });

/** The words of a list of systemd, each with the sign that turns it round. */
export function matchValues(value: string): readonly string[] {
  const words = value
    .replace(/^!/, '')
    .split(/\s+/)
    .filter((word) => word !== '');
  return value.startsWith('!') ? words.map((word) => `!${word}`) : words;
}

/** The terms of [Match]. Settings of one key add to each other, so that they are one term where they stand in one line. */
export const matchTerms = (lines: readonly IniLine[]): readonly Term[] =>
  termsIn(lines, 'Match', matchKeys, matchValues);

/** Whether a file may be for a NIC: not if it matches nothing at all, or devices of other kinds only. */
export function isForNics(lines: readonly IniLine[]): boolean {
  const match = lines.filter(({ section }) => section === 'Match');
  const types = match.filter(({ key }) => key === 'Kind' || key === 'Type').flatMap(({ value }) => matchValues(value));
  const wanted = types.filter((type) => !type.startsWith('!'));
  return match.length > 0 && (wanted.length === 0 || wanted.includes('ether')) && !types.includes('!ether');
}

function networkOf(path: string, lines: readonly IniLine[]): Network {
  const isDevice = path.endsWith('.netdev');
  const name = settingOf(lines, 'NetDev', 'Name');
  const uses: readonly Use[] = lines
    .filter(({ section, key }) => section === 'Network' && key in above)
    .flatMap(({ key, value }) => matchValues(value).map((one) => ({ as: above[key] ?? '', name: one })));
  const setsMac = isDevice ? [] : termsIn(lines, 'Link', { MACAddress: 'mac' }, matchValues);
  return {
    ...{ id: path.slice(folder.length), path, kind: !isDevice && isForNics(lines) ? 'nic' : 'virtual' },
    // Also those of devices, and of files that make some: what is for one hypervisor only is not made on another.
    terms: matchTerms(lines),
    names: name === undefined ? [] : [name],
    uses,
    isNeeded: false,
    ...(setsMac[0] !== undefined && { setsMac: setsMac[0] }),
    options: [],
  };
}
