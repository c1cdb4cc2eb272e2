import { parseMountInfo } from '#replicator/sentinel/inventory/mounts';
import type { GuestSystem } from '#replicator/sentinel/guest-system';
import { unitOf } from './unit.ts';

/** A process that can write to a file system without opening anything more. */
export interface Writer {
  readonly pid: number;
  readonly command: string;
  /** The unit it belongs to; empty if none. */
  readonly unit: string;
}

/** Bits of `open` in `/proc/<pid>/fdinfo`, which writes them in octal. */
const accessMask = 0o3;
const pathOnly = 0o10000000;

/**
 * Processes with a file open for writing, or mapped so, on one of the devices (`major:minor`). They keep a file system
 * from becoming read-only. This process is left out.
 */
export async function findWriters(system: GuestSystem, devices: ReadonlySet<string>): Promise<readonly Writer[]> {
  const self = Number(((await system.read('/proc/self/stat')) ?? '').split(' ')[0]);
  const shared = mountDevices((await system.read('/proc/self/mountinfo')) ?? '');
  const writers: Writer[] = [];
  for (const name of await system.list('/proc')) {
    const pid = Number(name);
    if (!Number.isSafeInteger(pid) || pid === self) continue;
    if (!(await opensAny(system, pid, devices, shared)) && !(await mapsAny(system, pid, devices))) continue;
    const command = ((await system.read(`/proc/${pid}/comm`)) ?? '').trim();
    writers.push({ pid, command, unit: unitOf((await system.read(`/proc/${pid}/cgroup`)) ?? '') });
  }
  return writers;
}

type MountDevices = ReadonlyMap<number, string>;

const mountDevices = (mountinfo: string): MountDevices =>
  new Map(parseMountInfo(mountinfo).map(({ id, device }) => [id, device]));

async function opensAny(
  system: GuestSystem,
  pid: number,
  devices: ReadonlySet<string>,
  shared: MountDevices,
): Promise<boolean> {
  let own: MountDevices | undefined;
  for (const file of await system.list(`/proc/${pid}/fdinfo`)) {
    const mount = parseWritable((await system.read(`/proc/${pid}/fdinfo/${file}`)) ?? '');
    if (mount === undefined) continue;
    // A service with private mounts has numbers of its own for them.
    if (!shared.has(mount)) own ??= mountDevices((await system.read(`/proc/${pid}/mountinfo`)) ?? '');
    const device = shared.get(mount) ?? own?.get(mount);
    if (device !== undefined && devices.has(device)) return true;
  }
  return false;
}

/** The mount of an open file out of its `fdinfo`, if it was opened for writing. */
export function parseWritable(fdinfo: string): number | undefined {
  const flags = Number.parseInt(/^flags:\s+([0-7]+)/m.exec(fdinfo)?.[1] ?? '0', 8);
  const mount = /^mnt_id:\s+(\d+)/m.exec(fdinfo)?.[1];
  return (flags & accessMask) === 0 || (flags & pathOnly) !== 0 || mount === undefined ? undefined : Number(mount);
}

async function mapsAny(system: GuestSystem, pid: number, devices: ReadonlySet<string>): Promise<boolean> {
  const maps = (await system.read(`/proc/${pid}/maps`)) ?? '';
  return parseSharedMaps(maps).some((device) => devices.has(device));
}

/** Devices (`major:minor`) of files that are mapped shared and writable, out of `/proc/<pid>/maps`. */
export const parseSharedMaps = (maps: string): readonly string[] =>
  maps.split('\n').flatMap((line) => {
    const found = /^\S+ .w.s \S+ ([0-9a-f]+):([0-9a-f]+) (\d+)/.exec(line);
    if (!found || found[3] === '0') return [];
    return [`${Number.parseInt(found[1] ?? '', 16)}:${Number.parseInt(found[2] ?? '', 16)}`];
  });
