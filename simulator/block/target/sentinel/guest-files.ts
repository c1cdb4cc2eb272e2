import { millis } from '#core/units';
import type { Rng } from '#core/rng';
import { noPrograms, type GuestControl, type ProgramOutcome } from '#replicator/sentinel/guest-system';
import type { RunningGuest } from '#simulator/endpoints/guest/running-guest';
import type { GuestProcess } from './guest-process.ts';

/*
 * Files and programs of a guest that runs, as text: what a sentinel reads of its kernel and its network, what it asks
 * systemd, and the files that are installed. The latter are on the guest's boot disk, and move with it.
 */

const programMs = { min: 2, max: 20 } as const;
const console = '/dev/ttyS0';

/**
 * The system of a guest as a process in it has it.
 * @differs A Windows guest shows its sentinel the same files and programs as a Debian; of both there are only those that a sentinel asks for.
 */
export function guestFiles({ guest, clock, bound }: GuestProcess, rng: Rng): GuestControl {
  const own = rng.fork('programs');
  const put = (path: string, text: string): string | undefined => {
    if (path !== console && !path.startsWith('/proc/')) return edit(guest, path, text);
    if (path === console) guest.print(text);
    return undefined;
  };
  return {
    root: '/',
    read: bound((path: string) => kernelText(guest, path) ?? guest.installed()?.files[path]),
    list: bound((path: string) => namesIn(guest, path)),
    run: bound(async (program, args) => {
      await clock.wait(millis(own.between(programMs.min, programMs.max)));
      return programs[program]?.(guest, args) ?? noPrograms(program, args);
    }),
    write: bound(put),
    replace: bound(put),
    remove: bound((path: string) => (guest.installed()?.files[path] === undefined ? undefined : edit(guest, path))),
    signal: () => undefined,
  };
}

/** Writes or takes away a file. A sentence if the root takes no writes. */
function edit(guest: RunningGuest, path: string, text?: string): string | undefined {
  const isDone = guest.change((system) => {
    const { [path]: _former, ...files } = system.files;
    return { ...system, files: text === undefined ? files : { ...files, [path]: text } };
  });
  return isDone ? undefined : `EROFS: read-only file system, open '${path}'`;
}

function kernelText(guest: RunningGuest, path: string): string | undefined {
  switch (path) {
    case '/proc/sys/kernel/hostname':
      return `${guest.installed()?.hostname ?? ''}\n`;
    case '/proc/sys/kernel/random/boot_id':
      return `${guest.bootId}\n`;
    case '/proc/filesystems':
      return 'nodev\tsysfs\nnodev\tproc\nnodev\ttmpfs\n';
    case '/proc/self/mountinfo':
      return mountInfo(guest);
    default: {
      const card = guest.nics().find(({ name }) => path.startsWith(`/sys/class/net/${name}/`));
      if (card && path.endsWith('/device/uevent')) return `DRIVER=${card.driver}\n`;
      return card && path.endsWith('/address') ? `${card.mac}\n` : undefined;
    }
  }
}

const mountInfo = (guest: RunningGuest): string =>
  (guest.booted()?.mounts ?? [])
    .map(({ device, type, mountpoint }, index) => {
      const state = guest.isAtRest() ? 'ro' : 'rw';
      return `${22 + index} 1 254:${index + 1} / ${mountpoint} ${state},relatime - ${type} ${device} ${state}\n`;
    })
    .join('');

function namesIn(guest: RunningGuest, path: string): readonly string[] {
  const { files = {}, present = [] } = guest.installed() ?? {};
  const cards = guest.nics().map(({ name }) => `/sys/class/net/${name}`);
  const all = [
    ...[...Object.keys(files), ...present, console, '/run/systemd/system/default.target', '/sys/class/net/lo/address'],
    ...cards.flatMap((at) => [`${at}/address`, `${at}/device/uevent`]),
  ];
  const under = path === '/' ? path : `${path}/`;
  const names = all.flatMap((file) => (file.startsWith(under) ? [file.slice(under.length).split('/')[0] ?? ''] : []));
  return [...new Set(names)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

type Program = (guest: RunningGuest, args: readonly string[]) => ProgramOutcome | undefined;

const said = (stdout: string): ProgramOutcome => ({ status: 0, stdout, stderr: '' });
const failed = (stderr: string, status = 1, stdout = ''): ProgramOutcome => ({ status, stdout, stderr });

const programs: Readonly<Record<string, Program>> = {
  ip: (guest, args) => {
    const words = args.join(' ');
    if (words === '-o addr show') return said(addresses(guest));
    return words.endsWith('route show') ? said('') : failed('RTNETLINK answers: Operation not supported', 2);
  },
  systemctl: (guest, [verb = '', ...rest]) => systemctl(guest, verb, rest.at(-1) ?? ''),
  sh: (_, args) => failed(`sh: 1: ${args.at(-1) ?? ''}: not found`, 127),
};

/** Links that are down keep the addresses that are theirs; a lent one is there while somebody lends it. */
function addresses(guest: RunningGuest): string {
  const own = new Map(guest.booted()?.nics.map(({ mac, addresses: all }) => [mac, all]));
  return guest
    .nics()
    .flatMap(({ name, mac, addresses: all }, index) =>
      all.map((address) => {
        const life = own.get(mac)?.includes(address) ? '' : 'dynamic ';
        return `${index + 2}: ${name}    inet ${address} scope global ${life}${name}\n`;
      }),
    )
    .join('');
}

function systemctl(guest: RunningGuest, verb: string, last: string): ProgramOutcome {
  const unitOf = (name: string): string => (name.includes('.') ? name : `${name}.service`);
  const services = guest.services().map(({ name, state }) => ({ unit: unitOf(name), state }));
  const found = services.find(({ unit }) => unit === unitOf(last))?.state;
  const active = found === 'running' ? 'active' : found === 'failed' ? 'failed' : 'inactive';
  switch (verb) {
    case 'list-units': {
      const there = services.filter(({ state }) => state !== 'stopped');
      const stateOf = { running: 'active running', failed: 'failed failed', stopped: '' } as const;
      return said(there.map(({ unit, state }) => `${unit} loaded ${stateOf[state]} ${unit}\n`).join(''));
    }
    case 'list-unit-files':
      return said(services.map(({ unit }) => `${unit} enabled enabled\n`).join(''));
    case 'is-system-running':
      return said(services.some(({ state }) => state === 'failed') ? 'degraded\n' : 'running\n');
    case 'is-active':
      return active === 'active' ? said('active\n') : failed('', 3, `${active}\n`);
    case 'enable':
      return said('');
    default:
      return failed(`Unit ${last} not found.`);
  }
}
