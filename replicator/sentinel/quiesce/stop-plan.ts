import type { QuiescePolicy } from '#core/ports/guest-agent';
import type { Unit } from './unit.ts';

/** Which units stop, in which order, and which stay. Groups stop one after another; the units of a group at once. */
export interface StopPlan {
  readonly groups: readonly (readonly string[])[];
  readonly kept: readonly string[];
}

/**
 * What stays in any case: the network and its firewall, without which the sentinel is not heard; the sentinel; the
 * system's own bus, journal and device manager, without which nothing could be started again; what disks and shares
 * hang on; and consoles, which hold no file.
 */
const keptAlways: readonly string[] = [
  ...['sealift-sentinel*', 'init.scope', 'systemd-journald*', 'systemd-udevd*', 'udev', 'dbus*', 'eudev'],
  ...['NetworkManager*', 'systemd-networkd*', 'systemd-resolved*', 'networking', 'network', 'wicked*', 'dhcpcd*'],
  ...['dhclient*', 'ifup@*', 'wpa_supplicant*', 'connman*', 'firewalld*', 'iptables', 'ip6tables', 'net.*', 'loopback'],
  ...['iscsi*', 'open-iscsi*', 'multipath*', 'dm-event*', 'lvm2-*', 'mdmonitor*', 'rpcbind*', 'rpc-*', 'rpc.*'],
  ...[
    'getty@*',
    'serial-getty@*',
    'console-getty*',
    'agetty*',
    'systemd-ask-password*',
    'systemd-initctl*',
    'plymouth*',
  ],
];

/**
 * Plans what stops: reverse dependency order, what starts others first, containers after the services that look after
 * them. Whatever a kept unit needs is kept too, since it would stop along with it. Pure.
 *
 * @throws nothing: units that wait for each other in a ring stop together, last.
 */
export function planStops(units: readonly Unit[], policy: Pick<QuiescePolicy, 'keep'>, self: string): StopPlan {
  const kept = keptUnits(units, [...keptAlways, ...policy.keep, ...(self === '' ? [] : [self])]);
  const stopping = units.filter(({ id }) => !kept.has(id));
  const of = (kind: Unit['kind']): readonly Unit[] => stopping.filter((unit) => unit.kind === kind);
  const groups = [
    of('trigger').map(({ id }) => id),
    ...inReverse([...of('service'), ...of('session')]),
    of('container').map(({ id }) => id),
  ];
  return { groups: groups.filter((group) => group.length > 0).map((group) => sorted(group)), kept: sorted([...kept]) };
}

function keptUnits(units: readonly Unit[], patterns: readonly string[]): ReadonlySet<string> {
  const matches = patterns.map(matcher);
  const known = new Map(units.map((unit) => [unit.id, unit]));
  const kept = new Set<string>();
  const waiting = units.filter(({ id }) => matches.some((match) => match(id)));
  for (let unit = waiting.pop(); unit !== undefined; unit = waiting.pop()) {
    if (kept.has(unit.id)) continue;
    kept.add(unit.id);
    waiting.push(...unit.requires.flatMap((id) => known.get(id) ?? []));
  }
  return kept;
}

/** `*` is any text; a name without a suffix is that of a service. */
function matcher(pattern: string): (id: string) => boolean {
  const escaped = pattern.split('*').map((part) => part.replaceAll(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  const expression = new RegExp(`^${escaped.join('.*')}(?:\\.service)?$`);
  return (id) => expression.test(id);
}

/** Groups in which every unit comes before all that it was started after. */
function inReverse(units: readonly Unit[]): readonly (readonly string[])[] {
  const left = new Map(units.map((unit) => [unit.id, unit]));
  const groups: string[][] = [];
  while (left.size > 0) {
    const needed = new Set([...left.values()].flatMap(({ id, after }) => after.filter((other) => other !== id)));
    const free = [...left.keys()].filter((id) => !needed.has(id));
    // A ring has no first. systemd would break it somewhere too; here its units stop together.
    const group = free.length > 0 ? free : [...left.keys()];
    groups.push(group);
    for (const id of group) left.delete(id);
  }
  return groups;
}

const sorted = (names: readonly string[]): readonly string[] => [...names].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
