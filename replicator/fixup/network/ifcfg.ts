import type { GuestImage } from '#core/ports/fix-up';
import type { Network, Place, Term, Use } from './network.ts';
import { networkSystem } from './network-system.ts';

/** One `KEY=value` of a file that a shell reads, and where its line is. */
interface Assignment {
  readonly key: string;
  readonly value: string;
  readonly place: Place;
}

/**
 * Files of shell assignments, one an interface: /etc/sysconfig/network-scripts of Red Hat and its kin, /etc/sysconfig/network
 * of SUSE (which wicked reads too). Red Hat's name their NIC inside, SUSE's by the name of the file.
 */
export const ifcfg = networkSystem({
  name: 'ifcfg',
  isFirstTaken: false,
  collect: (files) => {
    const networks = Object.keys(files).flatMap((path) => {
      const [, place = '', name = ''] = /^\/etc\/sysconfig\/(network|network-scripts)\/ifcfg-(.+)$/.exec(path) ?? [];
      // Whatever reads these files leaves out what editors and package managers leave behind.
      if (name === '' || name === 'lo' || /(~|\.(bak|old|orig|rpmnew|rpmorig|rpmsave|scpmbackup))$/.test(name))
        return [];
      const lines = assignmentsIn(path, files[path] ?? '');
      return [place === 'network' ? suseNetwork(path, name, lines) : redHatNetwork(path, name, lines)];
    });
    const routes = routesIn(files);
    return networks.length + routes.length === 0 ? undefined : [...networks, ...routes];
  },
  write: (before, change) => {
    const [from, to] = [change.term.values, change.type === 'values' ? change.values : []];
    if (change.type === 'values' && from.length === to.length)
      return from.reduce((text, value, index) => text.replace(value, () => to[index] ?? ''), before);
    const [, head = '', quote = ''] = /^(\s*[A-Z_0-9]+=)(["']?)/.exec(before) ?? [];
    switch (change.type) {
      case 'values':
        return `${head}${quote || '"'}${to.join(' ')}${quote || '"'}`;
      case 'instead':
        return before.replace(
          /^(\s*)[A-Z_0-9]+=.*$/,
          (_, blanks: string) => `${blanks}${change.by === 'name' ? 'DEVICE' : 'HWADDR'}=${change.value}`,
        );
      case 'drop':
        return `# ${before}`;
    }
  },
});

function assignmentsIn(path: string, text: string): readonly Assignment[] {
  return [
    ...text.matchAll(/^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z_0-9]*)=(?:"([^"\n]*)"|'([^'\n]*)'|([^\s#]*)).*$/gm),
  ].map(({ 0: line, index, 1: key = '', 2: double, 3: single, 4: plain }) => ({
    ...{ key, value: double ?? single ?? plain ?? '' },
    place: { path, start: index, end: index + line.length },
  }));
}

/** The last value of a key, as a shell takes it. Empty if there is none. */
const valueOf = (lines: readonly Assignment[], key: string): string =>
  lines.findLast((line) => line.key === key)?.value ?? '';
const isYes = (value: string): boolean => /^(yes|true|on|1)$/i.test(value);
const wordsOf = (value: string): readonly string[] => value.split(/\s+/).filter((word) => word !== '');

function termsFor(lines: readonly Assignment[], key: string, by: Term['by']): readonly Term[] {
  const line = lines.findLast((one) => one.key === key);
  const values = wordsOf(line?.value ?? '');
  return line === undefined || values.length === 0 ? [] : [{ by, key, values, place: line.place }];
}

const using = (as: string, ...names: readonly string[]): readonly Use[] =>
  names.filter((name) => name !== '').map((name) => ({ as, name }));

// A place ends in a dot and a number too: pci-0000:00:03.0.
const parentOf = (name: string): string => /^(?!(?:eth-)?(?:bus|id)-)(.+)\.\d+$/.exec(name)?.[1] ?? '';

function redHatNetwork(path: string, name: string, lines: readonly Assignment[]): Network {
  const of = (key: string): string => valueOf(lines, key);
  const device = of('DEVICE') || (of('HWADDR') === '' ? name : '');
  const isVlan = isYes(of('VLAN')) || of('TYPE').toLowerCase() === 'vlan';
  const type = of('TYPE').toLowerCase() || of('DEVICETYPE').toLowerCase();
  const isNic =
    !isVlan && /^(|ethernet|wireless|ovsport)$/.test(type) && !/^(bond|team|br|dummy|tun|tap|wg)\d*$/.test(device);
  const alias = /^([^:]+):/.exec(device)?.[1];
  const primary = /\bprimary=(\S+)/.exec(of('BONDING_OPTS'))?.[1] ?? '';
  return {
    ...{ id: name, path, kind: isNic ? 'nic' : 'virtual' },
    terms: isNic
      ? [
          ...(device === '' ? [] : [{ by: 'name' as const, key: 'DEVICE', values: [alias ?? device] }]),
          ...termsFor(lines, 'HWADDR', 'mac'),
          ...[...termsFor(lines, 'MATCH_DRIVER', 'driver'), ...termsFor(lines, 'MATCH_PATH', 'path')],
          ...termsFor(lines, 'MATCH_INTERFACE_NAME', 'name'),
        ]
      : [],
    names: [of('UUID'), of('NAME'), isNic ? '' : device].filter((one) => one !== ''),
    uses: [
      ...using('bond', of('MASTER') || of('MASTER_UUID')),
      ...using('team', of('TEAM_MASTER') || of('TEAM_MASTER_UUID')),
      ...using('bridge', of('BRIDGE') || of('BRIDGE_UUID')),
      ...(isVlan ? using('parent', of('PHYSDEV') || parentOf(device)) : []),
      ...using('member', primary),
    ],
    isNeeded: isNic && alias === undefined && isYes(of('ONBOOT')) && of('MASTER') === '',
    ...settingMac(lines, 'MACADDR'),
    options: optionsIn(lines, /^(ETHTOOL_OPTS|SUBCHANNELS|NETTYPE|PORTNAME|CHANNELS)$/),
  };
}

function suseNetwork(path: string, name: string, lines: readonly Assignment[]): Network {
  const of = (key: string): string => valueOf(lines, key);
  const parent = of('ETHERDEVICE') || of('MACVLAN_DEVICE');
  const listed = (pattern: RegExp): readonly string[] =>
    lines.filter(({ key }) => pattern.test(key)).flatMap(({ value }) => wordsOf(value));
  const isVirtual =
    isYes(of('BONDING_MASTER')) ||
    isYes(of('BRIDGE')) ||
    isYes(of('TEAMING')) ||
    parent !== '' ||
    parentOf(name) !== '' ||
    of('TUNNEL') !== '' ||
    /^(dummy|tun|tap|wg)\d*$/.test(name);
  return {
    ...{ id: name, path, kind: isVirtual ? 'virtual' : 'nic' },
    terms: isVirtual ? [] : [suseTerm(name)],
    names: isVirtual ? [name] : [],
    uses: [
      ...using('member', ...listed(/^BONDING_SLAVE_?\d+$/)),
      ...using('port', ...listed(/^BRIDGE_PORTS$/)),
      ...using('port', ...listed(/^TEAM_PORT_DEVICE_?\d+$/)),
      ...using('parent', parent || (isVirtual ? parentOf(name) : '')),
      ...using('member', /\bprimary=(\S+)/.exec(of('BONDING_MODULE_OPTS'))?.[1] ?? ''),
    ],
    isNeeded: !isVirtual && /^(auto|boot|onboot|nfsroot|)$/.test(of('STARTMODE')),
    ...settingMac(lines, 'LLADDR'),
    options: optionsIn(lines, /^ETHTOOL_OPTIONS/),
  };
}

/** Older releases call files by an address or a place; a plan cannot change that but by another name. */
function suseTerm(name: string): Term {
  const mac = /^(?:eth-)?id-(([0-9a-f]{2}:){5}[0-9a-f]{2})$/i.exec(name)?.[1];
  if (mac !== undefined) return { by: 'mac', key: 'ifcfg', values: [mac] };
  const place = /^(?:eth-)?bus-(pci-.+)$/.exec(name)?.[1];
  return place === undefined
    ? { by: 'name', key: 'ifcfg', values: [name] }
    : { by: 'path', key: 'ifcfg', values: [place] };
}

function settingMac(lines: readonly Assignment[], key: string): { readonly setsMac?: Term } {
  const [setsMac] = termsFor(lines, key, 'mac');
  return setsMac === undefined ? {} : { setsMac };
}

const optionsIn = (lines: readonly Assignment[], pattern: RegExp): readonly string[] =>
  lines.filter(({ key, value }) => pattern.test(key) && value !== '').map(({ key, value }) => `${key}=${value}`);

/** Files of routes: each belongs to the interface of its name, and may name others after `dev`. */
function routesIn(files: GuestImage['files']): readonly Network[] {
  return Object.entries(files).flatMap(([path, text]) => {
    const name = /^\/etc\/sysconfig\/network(?:-scripts\/route6?-|\/ifroute-)(.+)$/.exec(path)?.[1];
    if (name === undefined || /(~|\.(bak|old|orig|rpmnew|rpmsave))$/.test(name) || name === 'lo') return [];
    const devices = [...text.matchAll(/^[^#\n]*\bdev[ \t]+(\S+)/gm)].flatMap(([, device = '']) => [device]);
    const uses = [...new Set([name, ...devices])].map((one) => ({ as: 'interface', name: one }));
    const id = path.slice(path.lastIndexOf('/') + 1);
    return [{ id, path, kind: 'virtual' as const, terms: [], names: [], uses, isNeeded: false, options: [] }];
  });
}
