import type { Clock } from '#core/clock';
import { after, instant, type Instant } from '#core/units';
import { type GuestControl, noPrograms, type ProgramOutcome } from '#replicator/sentinel/guest-system';

/** A network card of a replica. */
export interface StageCard {
  name: string;
  readonly mac: string;
  up: boolean;
  readonly addresses: string[];
}

/** A replica that has booted, with cards, routes, accounts and services. It behaves. */
export interface StageGuest {
  readonly system: GuestControl;
  readonly clock: Clock;
  readonly cards: StageCard[];
  readonly routes: string[];
  /** Lines of `/etc/passwd`. */
  readonly accounts: Map<string, string>;
  /** What `chpasswd` was told. */
  readonly passwords: Map<string, string>;
  /** Services and whether they run; `masked` ones never will. */
  readonly services: Map<string, 'active' | 'inactive' | 'masked'>;
  readonly files: Map<string, string>;
  /** Every program with its arguments, as anybody in the guest could have seen them. */
  readonly seen: string[];
  /** Outcomes of scripts, in turn; the last one stays. */
  readonly scripts: Map<string, ProgramOutcome[]>;
  state: string;
  time: Instant;
}

const fine: ProgramOutcome = { status: 0, stdout: '', stderr: '' };
const no = (stderr: string, status = 1): ProgramOutcome => ({ status, stdout: '', stderr });

/** A replica on two cards that have other names than at the source. */
export function stageGuest(): StageGuest {
  const guest: StageGuest = {
    system: {
      root: '/',
      read: async (path) => read(guest, path),
      list: async (path) => list(guest, path),
      run: async (program, args, options) => {
        guest.seen.push([program, ...args].join(' '));
        return run(guest, program, args, options?.input ?? '') ?? noPrograms(program, args);
      },
      // What is written to a device is added to what came out of it before.
      write: async (path, text) =>
        void guest.files.set(path, (path.startsWith('/dev/') ? (guest.files.get(path) ?? '') : '') + text),
      replace: async (path, text) => void guest.files.set(path, text),
      remove: async (path) => void guest.files.delete(path),
      signal: () => undefined,
    },
    clock: {
      now: () => guest.time,
      wait: async (duration) => {
        guest.time = after(guest.time, duration);
      },
    },
    cards: [
      { name: 'ens192', mac: '52:54:00:00:00:02', up: true, addresses: [] },
      { name: 'ens160', mac: '52:54:00:00:00:01', up: true, addresses: [] },
    ],
    routes: ['10.0.0.0/24 dev ens160 proto kernel scope link src 10.0.0.1'],
    ...{ accounts: new Map([['root', 'root:x:0:0:root:/root:/bin/sh']]), passwords: new Map(), seen: [] },
    services: new Map([
      ['networking', 'active'],
      ['database', 'active'],
      ['qemu-guest-agent', 'active'],
    ]),
    files: new Map([
      ['/proc/sys/kernel/hostname', 'guest1\n'],
      ['/proc/sys/kernel/printk', '7 4 1 7\n'],
      ['/dev/ttyS0', ''],
    ]),
    ...{ scripts: new Map(), state: 'running', time: instant(0) },
  };
  return guest;
}

function read(guest: StageGuest, path: string): string | undefined {
  if (path === '/etc/passwd') return [...guest.accounts.values()].join('\n');
  const card = guest.cards.find(({ name }) => path.startsWith(`/sys/class/net/${name}/`));
  if (card !== undefined && path.endsWith('/address')) return `${card.mac}\n`;
  if (card !== undefined && path.endsWith('/device/uevent')) return 'DRIVER=vmxnet3\n';
  return guest.files.get(path);
}

function list(guest: StageGuest, path: string): readonly string[] {
  if (path === '/run') return ['systemd'];
  if (path === '/run/systemd') return ['system'];
  if (path === '/sys/class/net') return ['lo', ...guest.cards.map(({ name }) => name)].sort((a, b) => (a < b ? -1 : 1));
  if (guest.cards.some(({ name }) => path === `/sys/class/net/${name}`)) return ['address', 'device', 'uevent'];
  const prefix = `${path}/`;
  return [...guest.files.keys()].filter((file) => file.startsWith(prefix)).map((file) => file.slice(prefix.length));
}

function run(guest: StageGuest, program: string, args: readonly string[], input: string): ProgramOutcome | undefined {
  if (program === 'ip') return ip(guest, args);
  if (program === 'systemctl') return systemctl(guest, args[0] ?? '', args.at(-1) ?? '');
  const name = args.at(-1) ?? '';
  if (program === 'su' && !guest.accounts.has(name)) return no(`su: user ${name} does not exist`);
  if (program === 'sh' || program === 'su') {
    const outcomes = guest.scripts.get(args[args.indexOf('-c') + 1] ?? '') ?? [];
    return (outcomes.length > 1 ? outcomes.shift() : outcomes[0]) ?? no('sh: not found', 127);
  }
  if (program === 'useradd') {
    guest.accounts.set(name, `${name}:x:1001:1001:${args[args.indexOf('-c') + 1]}:/home/${name}:/bin/sh`);
    return fine;
  }
  if (program === 'userdel') return guest.accounts.delete(name) ? fine : no('no such account');
  if (program !== 'chpasswd') return undefined;
  const [who = '', password = ''] = input.trim().split(':');
  if (!guest.accounts.has(who)) return no(`line 1: ${input}`);
  guest.passwords.set(who, password);
  return fine;
}

function ip(guest: StageGuest, args: readonly string[]): ProgramOutcome {
  const words = args.join(' ');
  if (words === '-o addr show')
    return {
      ...fine,
      stdout: guest.cards
        .flatMap(({ name, addresses }) =>
          addresses.map((address) => `2: ${name}    inet ${address} scope global ${name}`),
        )
        .join('\n'),
    };
  if (words.includes('route show')) {
    const isAsked = (route: string): boolean => route.split(' ')[0]?.includes(':') === words.startsWith('-6');
    return { ...fine, stdout: guest.routes.filter(isAsked).join('\n') };
  }
  if (words.startsWith('route add')) {
    guest.routes.push(args.slice(2).join(' '));
    return fine;
  }
  if (words.startsWith('addr add')) {
    guest.cards.find(({ name }) => name === args[4])?.addresses.push(args[2] ?? '');
    return fine;
  }
  const card = guest.cards.find(({ name }) => name === args[3]);
  if (card === undefined) return no('Cannot find device');
  if (args[4] === 'name') {
    if (card.up) return no('RTNETLINK answers: Device or resource busy', 2);
    if (guest.cards.some(({ name }) => name === args[5])) return no('RTNETLINK answers: File exists', 2);
    card.name = args[5] ?? '';
  } else card.up = args[4] === 'up';
  return fine;
}

function systemctl(guest: StageGuest, verb: string, last: string): ProgramOutcome {
  const name = last.replace(/\.service$/, '');
  const state = guest.services.get(name);
  switch (verb) {
    case 'list-units':
      return { ...fine, stdout: units(guest, 'loaded active running x') };
    case 'list-unit-files':
      return { ...fine, stdout: units(guest, 'enabled enabled') };
    case 'is-system-running':
      return { ...fine, stdout: `${guest.state}\n` };
    case 'is-active':
      return state === 'active'
        ? { ...fine, stdout: 'active\n' }
        : { ...no('', 3), stdout: `${state ?? 'inactive'}\n` };
    case 'mask':
      guest.services.set(name, 'masked');
      return fine;
    case 'enable':
      return state === undefined ? no('no such unit') : fine;
    default:
      return fine;
  }
}

const units = (guest: StageGuest, more: string): string =>
  [...guest.services]
    .filter(([, state]) => state !== 'masked')
    .map(([name]) => `${name}.service ${more}\n`)
    .join('');
