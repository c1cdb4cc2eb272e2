/** Something that an init system runs and can stop. */
export interface Unit {
  readonly id: string;
  /**
   * `trigger` starts others (sockets, timers, paths); `service` runs; `session` runs too, and cannot be started again
   * once it is stopped; `container` is a session that a service looks after and would start again.
   */
  readonly kind: 'trigger' | 'service' | 'session' | 'container';
  /** It was started after these, so it stops before them. */
  readonly after: readonly string[];
  /** It stops when one of these does. */
  readonly requires: readonly string[];
}

/** What `systemctl show` is asked for. Versions that lack one of them leave it out. */
export const unitProperties = [
  ...['Id', 'ActiveState', 'SubState', 'After', 'Requires', 'BindsTo', 'PartOf', 'RefuseManualStop'],
] as const;

const kinds: Readonly<Record<string, Unit['kind']>> = {
  socket: 'trigger',
  timer: 'trigger',
  path: 'trigger',
  service: 'service',
  scope: 'session',
};

const container = /^(?:docker|libpod|crio|cri-containerd|lxc|machine)[-.]/;
const active: ReadonlySet<string> = new Set(['active', 'activating', 'reloading', 'deactivating']);

/**
 * Reads `systemctl show`: units that have processes or wait for something. One that is `exited` has done its work and
 * left nothing running; stopping it would undo that work (addresses, volumes, firewall) and gain nothing.
 */
export const parseUnits = (text: string): readonly Unit[] =>
  text.split(/\n\n+/).flatMap((block) => {
    const properties = new Map(
      block.split('\n').map((line): [string, string] => {
        const at = line.indexOf('=');
        return [line.slice(0, at), line.slice(at + 1)];
      }),
    );
    const words = (name: string): readonly string[] => (properties.get(name) ?? '').split(' ').filter((w) => w !== '');
    const id = properties.get('Id') ?? '';
    const kind = kinds[id.slice(id.lastIndexOf('.') + 1)];
    if (kind === undefined || !active.has(properties.get('ActiveState') ?? '')) return [];
    if (properties.get('SubState') === 'exited' || properties.get('RefuseManualStop') === 'yes') return [];
    return [
      {
        id,
        kind: kind === 'session' && container.test(id) ? 'container' : kind,
        after: words('After'),
        requires: [...words('Requires'), ...words('BindsTo'), ...words('PartOf')],
      },
    ];
  });

/** Reads `/run/openrc/deptree` for those services that are started. */
export function parseDepTree(text: string, started: readonly string[]): readonly Unit[] {
  const names = new Map<string, string>();
  const relations = new Map<string, { after: string[]; requires: string[] }>();
  for (const line of text.split('\n')) {
    const found = /^depinfo_(\d+)_(service|iafter|ineed|iuse)(?:_\d+)?='(.*)'$/.exec(line);
    if (!found) continue;
    const [, number = '', what, value = ''] = found;
    if (what === 'service') names.set(number, value);
    const relation = relations.get(number) ?? { after: [], requires: [] };
    if (what === 'ineed') relation.requires.push(value);
    if (what !== 'service') relation.after.push(value);
    relations.set(number, relation);
  }
  const known = new Map([...names].map(([number, name]) => [name, relations.get(number)]));
  return started.map((id) => ({
    id,
    kind: 'service',
    after: known.get(id)?.after ?? [],
    requires: known.get(id)?.requires ?? [],
  }));
}

/**
 * The order of the scripts that stop a machine with init scripts: `K01cron` before `K20rsyslog`. A lower number stops
 * earlier; equal ones do not mind. Scripts that stop the machine itself are left out.
 */
export function parseKillScripts(names: readonly string[]): readonly Unit[] {
  const scripts = names.flatMap((name) => {
    const found = /^K(\d\d)(.+)$/.exec(name);
    return found && !stopsMachine.test(found[2] ?? '') ? [{ rank: Number(found[1]), id: found[2] ?? '' }] : [];
  });
  return scripts.map(({ rank, id }) => ({
    id,
    kind: 'service',
    after: scripts.filter((other) => other.rank > rank).map((other) => other.id),
    requires: [],
  }));
}

const stopsMachine =
  /^(?:halt|reboot|killall|single|sendsigs|umount.*|mount.*|checkroot.*|checkfs.*|hwclock.*|urandom|random|cryptdisks.*|lvm2?.*|mdadm-raid|netfs|netconsole|bootlogd|rc\.local|boot\..*)$/;

/** The unit that a process belongs to, out of `/proc/<pid>/cgroup`; empty if it has none. */
export function unitOf(cgroups: string): string {
  const lines = cgroups.split('\n');
  const path = lines.find((line) => line.includes(':name=systemd:')) ?? lines.find((line) => line.startsWith('0::'));
  const parts = (path ?? '').slice((path ?? '').lastIndexOf(':') + 1).split('/');
  return parts.find((part) => /\.(?:service|scope)$/.test(part)) ?? '';
}
