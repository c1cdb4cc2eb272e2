import type { Clock } from '#core/clock';
import { after, instant, type Instant } from '#core/units';
import type { GuestControl, ProgramOutcome } from '#replicator/sentinel/guest-system';

/** A unit of a small guest. */
export interface SmallUnit {
  active: boolean;
  readonly after?: readonly string[];
  readonly requires?: readonly string[];
  /** Its work is done and nothing of it runs. */
  readonly exited?: boolean;
  /** It does not stop when it is asked to. */
  readonly hangs?: boolean;
  /** Stopping this one brings that one up, once. */
  wakes?: string;
  /** It does not start any more. */
  broken?: boolean;
}

/** A file system of a small guest. */
export interface SmallMount {
  readonly id: number;
  readonly device: string;
  readonly mountpoint: string;
  readonly type: string;
  readOnly: boolean;
  frozen?: boolean;
  /** Something in the kernel keeps it writable. */
  readonly held?: boolean;
}

/** A process with files open for writing. */
export interface SmallProcess {
  readonly pid: number;
  readonly command: string;
  readonly unit: string;
  /** Ids of mounts on which it has a file open. */
  readonly opens: readonly number[];
  readonly ignoresTerm?: boolean;
}

/** The state of a small guest, and what it saw being done wrong. */
export interface SmallGuest {
  readonly system: GuestControl;
  readonly clock: Clock;
  readonly units: Map<string, SmallUnit>;
  readonly mounts: SmallMount[];
  readonly processes: Map<number, SmallProcess>;
  readonly swaps: Set<string>;
  readonly files: Map<string, string>;
  /** In order: `stop cron.service`, `sh flush`, `remount,ro /`. */
  readonly done: string[];
  /** What no system would forgive: programs read from a disk that serves no more, services started without one. */
  readonly wrong: string[];
  journal: 'disk' | 'memory';
  power: 'on' | 'off';
  /** Scripts that fail, by their text. */
  readonly failing: Set<string>;
  /** Whether the kernel obeys an emergency remount. */
  obeysEmergency: boolean;
  time: Instant;
  /** Programs that have run, and are in memory. */
  readonly warm: Set<string>;
  /** Called around everything that changes something: a promise that never resolves is a death at that moment. */
  interrupt: (moment: 'before' | 'after', what: string) => Promise<void> | void;
}

const fine: ProgramOutcome = { status: 0, stdout: '', stderr: '' };
const no = (stderr: string, status = 1): ProgramOutcome => ({ status, stdout: '', stderr });

const unit = (more: Omit<SmallUnit, 'active'> = {}): SmallUnit => ({ active: true, ...more });

const units = (): SmallGuest['units'] =>
  new Map([
    ['dbus.service', unit({ requires: ['dbus.socket'], after: ['dbus.socket'] })],
    ['dbus.socket', unit()],
    ['networking.service', unit({ exited: true })],
    ['systemd-journald.service', unit()],
    ['sealift-sentinel.service', unit()],
    ['cron.service', unit()],
    ['database.service', unit({ after: ['networking.service'] })],
    ['app.service', unit({ after: ['database.service'], requires: ['database.service'] })],
    ['web.service', unit({ after: ['app.service'] })],
    ['web.socket', unit()],
    ['backup.timer', unit()],
    ['session-1.scope', unit()],
    ['failed.service', { active: false }],
  ]);

const mounts = (): SmallGuest['mounts'] => [
  { id: 20, device: '254:1', mountpoint: '/', type: 'ext4', readOnly: false },
  { id: 21, device: '0:5', mountpoint: '/run', type: 'tmpfs', readOnly: false },
  { id: 22, device: '254:2', mountpoint: '/boot', type: 'ext4', readOnly: false },
  { id: 23, device: '252:0', mountpoint: '/data', type: 'xfs', readOnly: false },
  { id: 24, device: '252:1', mountpoint: '/data/deep', type: 'xfs', readOnly: false },
  { id: 25, device: '0:50', mountpoint: '/share', type: 'nfs4', readOnly: false },
  { id: 26, device: '7:0', mountpoint: '/cd', type: 'iso9660', readOnly: true },
];

/** A guest with systemd, file systems, swap, and services that depend on each other. It behaves. */
export function smallGuest(change: (guest: SmallGuest) => void = () => undefined): SmallGuest {
  const guest: SmallGuest = {
    system: {
      root: '/',
      read: async (path) => read(guest, path),
      list: async (path) => list(guest, path),
      run: (program, args, options) => run(guest, program, args, options?.timeout ?? 0),
      write: (path, text) => write(guest, path, text),
      replace: (path, text) => write(guest, path, text),
      remove: (path) => changing(guest, `remove ${path}`, () => void guest.files.delete(path)),
      signal: (pid, name) => signal(guest, pid, name),
    },
    clock: {
      now: () => guest.time,
      wait: async (duration) => {
        guest.time = after(guest.time, duration);
      },
    },
    units: units(),
    mounts: mounts(),
    processes: new Map(),
    swaps: new Set(['/swapfile']),
    files: new Map([
      ['/proc/self/cgroup', '0::/system.slice/sealift-sentinel.service\n'],
      ['/proc/self/stat', '900 (node) S 1\n'],
      ['/proc/filesystems', 'nodev\ttmpfs\nnodev\tnfs4\n\text4\n\txfs\n\tiso9660\n'],
    ]),
    ...{ done: [], wrong: [], journal: 'disk', power: 'on', failing: new Set(), obeysEmergency: true },
    ...{ time: instant(0), warm: new Set(), interrupt: () => undefined },
  };
  change(guest);
  return guest;
}

const root = (guest: SmallGuest): SmallMount | undefined => guest.mounts.find(({ mountpoint }) => mountpoint === '/');

function read(guest: SmallGuest, path: string): string | undefined {
  if (path === '/proc/self/mountinfo')
    return guest.mounts
      .map((m) => `${m.id} 1 ${m.device} / ${m.mountpoint} rw - ${m.type} dev ${m.readOnly ? 'ro' : 'rw'}\n`)
      .join('');
  if (path === '/proc/swaps') return ['Filename', ...guest.swaps].map((place) => `${place} file 1 0 -2\n`).join('');
  const [, pid, file, fd] = /^\/proc\/(\d+)\/(\w+)(?:\/(\d+))?$/.exec(path) ?? [];
  const process = guest.processes.get(Number(pid));
  if (process === undefined) return guest.files.get(path);
  if (file === 'comm') return `${process.command}\n`;
  if (file === 'cgroup') return `0::/${process.unit}\n`;
  return file === 'fdinfo' && fd !== undefined ? `pos:\t0\nflags:\t0100001\nmnt_id:\t${fd}\n` : '';
}

function list(guest: SmallGuest, path: string): readonly string[] {
  if (path === '/run') return ['systemd'];
  if (path === '/run/systemd') return ['system'];
  if (path === '/var/log/journal') return ['machine'];
  if (path === '/proc') return ['1', '900', ...[...guest.processes.keys()].map(String), 'self'];
  const pid = /^\/proc\/(\d+)\/fdinfo$/.exec(path)?.[1];
  return guest.processes.get(Number(pid))?.opens.map(String) ?? [];
}

async function changing<T>(guest: SmallGuest, what: string, act: () => T): Promise<T> {
  await guest.interrupt('before', what);
  const outcome = act();
  await guest.interrupt('after', what);
  return outcome;
}

async function run(
  guest: SmallGuest,
  program: string,
  args: readonly string[],
  timeout: number,
): Promise<ProgramOutcome> {
  if (root(guest)?.readOnly && !guest.warm.has(program)) guest.wrong.push(`${program} was read from a disk at rest`);
  guest.warm.add(program);
  if (args[0] === '--version') return fine;
  if (program === 'systemctl' && args[0] === 'list-units') return { ...fine, stdout: listUnits(guest) };
  if (program === 'systemctl' && args[0] === 'show') return { ...fine, stdout: show(guest, args) };
  return changing(guest, [program, ...args].join(' '), () => carryOut(guest, program, args, timeout));
}

function carryOut(guest: SmallGuest, program: string, args: readonly string[], timeout: number): ProgramOutcome {
  const last = args.at(-1) ?? '';
  if (program === 'systemctl') return systemctl(guest, args[0] ?? '', last, timeout);
  if (program === 'sh') {
    if (last !== ':') guest.done.push(`sh ${last}`);
    return guest.failing.has(last) ? no('it went wrong', 4) : fine;
  }
  if (program === 'mount') return remount(guest, last, args.includes('remount,ro'));
  if (program === 'fsfreeze') return freeze(guest, last, args[0] === '-f');
  if (program === 'swapoff') guest.swaps.delete(last);
  if (program === 'swapon') guest.swaps.add(last);
  if (program === 'journalctl') guest.journal = last === '--relinquish-var' ? 'memory' : 'disk';
  return fine;
}

function show(guest: SmallGuest, args: readonly string[]): string {
  if (args[2] === 'ActiveState')
    return `ActiveState=${guest.units.get(args[3] ?? '')?.active ? 'active' : 'inactive'}\n`;
  return args
    .slice(4)
    .flatMap((id) => {
      const found = guest.units.get(id);
      if (found === undefined) return [];
      return [
        [
          ...[`Id=${id}`, `ActiveState=${found.active ? 'active' : 'inactive'}`],
          ...[`SubState=${found.exited ? 'exited' : 'running'}`],
          ...[`After=${(found.after ?? []).join(' ')}`, `Requires=${(found.requires ?? []).join(' ')}`],
        ].join('\n'),
      ];
    })
    .join('\n\n');
}

const listUnits = (guest: SmallGuest): string =>
  [...guest.units]
    .filter(([, { active }]) => active)
    .map(([id, { exited }]) => `${id} loaded active ${exited ? 'exited' : 'running'} Something\n`)
    .join('');

function systemctl(guest: SmallGuest, verb: string, id: string, timeout: number): ProgramOutcome {
  const found = guest.units.get(id);
  if (found === undefined) return no(`Unit ${id} not loaded.`, 5);
  guest.done.push(`${verb} ${id}`);
  if (verb === 'start') {
    if (root(guest)?.readOnly || guest.swaps.size === 0)
      guest.wrong.push(`${id} was started before the disks were back`);
    if (found.broken || id.endsWith('.scope')) return no(`Job for ${id} failed.`);
    found.active = true;
  } else if (verb === 'stop' && found.hangs) {
    guest.time = instant(guest.time + timeout);
    return { ...no('ended after its time'), status: null };
  } else if (verb === 'stop' || verb === 'kill') {
    found.active = false;
    const woken = guest.units.get(found.wakes ?? '');
    if (woken) woken.active = true;
    delete found.wakes;
    for (const [pid, process] of guest.processes) if (process.unit === id) guest.processes.delete(pid);
  }
  return fine;
}

function remount(guest: SmallGuest, mountpoint: string, readOnly: boolean): ProgramOutcome {
  guest.done.push(`remount,${readOnly ? 'ro' : 'rw'} ${mountpoint}`);
  const mount = guest.mounts.find((one) => one.mountpoint === mountpoint);
  if (mount === undefined) return no('not mounted', 32);
  const busy =
    mount.held === true ||
    [...guest.processes.values()].some(({ opens }) => opens.includes(mount.id)) ||
    (mountpoint === '/' && (guest.swaps.size > 0 || guest.journal === 'disk'));
  if (readOnly && busy) return no(`${mountpoint} is busy`, 32);
  mount.readOnly = readOnly;
  return fine;
}

function freeze(guest: SmallGuest, mountpoint: string, on: boolean): ProgramOutcome {
  guest.done.push(`${on ? 'freeze' : 'thaw'} ${mountpoint}`);
  const mount = guest.mounts.find((one) => one.mountpoint === mountpoint);
  if (mount === undefined || (mount.frozen ?? false) === on) return no('Invalid argument');
  mount.frozen = on;
  return fine;
}

async function write(guest: SmallGuest, path: string, text: string): Promise<string | undefined> {
  return changing(guest, `write ${path} ${text.length > 1 ? '' : text}`.trim(), () => {
    if (path !== '/proc/sysrq-trigger') {
      guest.files.set(path, text);
      return undefined;
    }
    guest.done.push(`sysrq ${text}`);
    if (text === 'o') guest.power = 'off';
    if (text === 'u' && guest.obeysEmergency)
      for (const mount of guest.mounts) mount.readOnly ||= mount.type !== 'tmpfs' && mount.type !== 'nfs4';
    return undefined;
  });
}

function signal(guest: SmallGuest, pid: number, name: string): string | undefined {
  guest.done.push(`${name} ${pid}`);
  if (name === 'SIGKILL' || guest.processes.get(pid)?.ignoresTerm !== true) guest.processes.delete(pid);
  return undefined;
}
