import { diskId } from '#core/ids';
import type { GuestDisk, GuestFileSystem, GuestInventory, GuestVolume } from '#core/ports/guest-agent';
import { bytes, KiB } from '#core/units';
import type { GuestSystem } from '#replicator/sentinel/guest-system';
import { type BlockNode, lineIn, readBlockTree } from './block-tree.ts';
import { type KernelFound, readBootLoader, readFirmware, readKernels } from './boot.ts';
import { isHardwareName, parseFstab } from './fstab.ts';
import { readNetwork, readRoutes } from './links.ts';
import { type BlockContent, lsblkColumns, parseLsblkJson, parseLsblkPairs } from './lsblk.ts';
import {
  isNetworkShare,
  type Mount,
  oncePerFileSystem,
  onDisk,
  parseMountInfo,
  parseNoDeviceTypes,
  unescaped,
} from './mounts.ts';
import { isThere, readOldAgents } from './old-agents.ts';
import { type OsRelease, parseRelease, releaseFiles } from './os-release.ts';
import { type InitSystem, readInitSystem, readServices } from './services.ts';
import { devicePath, lvsColumns, mappedVolumes, parseLvsJson, parseLvsText, parseMdStat } from './volumes.ts';

/** An inventory with what only the readiness checks and stage two ask for. Plain data: it may be sent and kept. */
export interface GuestSurvey extends GuestInventory {
  readonly details: SurveyDetails;
}

/** What was found beside the inventory. */
export interface SurveyDetails {
  /** What could not be found out, one sentence each. Nothing is guessed in its place. */
  readonly missing: readonly string[];
  readonly init: InitSystem;
  readonly kernels: readonly KernelFound[];
  /** Arrays with members missing or being rebuilt. */
  readonly degraded: readonly string[];
  /** Encrypted devices that nobody has unlocked. */
  readonly locked: readonly string[];
  /** Disks reached over several paths. */
  readonly multipath: readonly string[];
  /** Devices in `/etc/fstab` that are named by their hardware. */
  readonly hardwareNames: readonly string[];
  /** Addresses that were lent by DHCP or a router. */
  readonly lent: readonly string[];
  /** The service that keeps the clock right; empty if none runs. */
  readonly timeService: string;
}

/** What the collector cannot know by itself. */
export interface SurveyOptions {
  /** The sentinel's own version. */
  readonly version: string;
  /** Whether writes to a disk can be tracked; without it, whether the kernel has its tracepoints for block devices. */
  readonly tracking?: (disk: string) => GuestDisk['tracking'];
}

/** Collects all there is to know about this guest. Never rejects: what is not there is said in `details.missing`. */
export async function surveyGuest(system: GuestSystem, { version, tracking }: SurveyOptions): Promise<GuestSurvey> {
  const missing: string[] = [];
  const nodes = await readBlockTree(system);
  const content = await readContent(system, missing);
  const mounts = parseMountInfo((await system.read('/proc/self/mountinfo')) ?? '');
  const init = await readInitSystem(system);
  const found = await readServices(system, init);
  const kernels = await readKernels(system);
  const links = await readNetwork(system, missing);
  const arrays = parseMdStat((await system.read('/proc/mdstat')) ?? '');
  const swap = parseSwaps((await system.read('/proc/swaps')) ?? '');
  const trackable = tracking ?? (await kernelTracking(system));
  missing.push(...found.missing);
  return {
    ...(await readIdentity(system, missing)),
    kernels: kernels.map((kernel) => kernel.version),
    disks: disksOf(nodes, content, trackable),
    volumes: [
      ...(await readLvm(system, nodes, missing)),
      ...arrays.map(({ name, parts }): GuestVolume => {
        return { kind: 'md', name, path: `/dev/${name}`, parts: parts.map((part) => devicePath(part, nodes)) };
      }),
      ...mappedVolumes(nodes, 'luks'),
    ],
    fileSystems: await readFileSystems(system, mounts, content, missing),
    swap,
    networkShares: mounts.filter(isNetworkShare).map(({ type, source, mountpoint }) => ({ type, source, mountpoint })),
    nics: links.map(({ nic }) => nic),
    routes: await readRoutes(system),
    services: found.services,
    oldAgents: await readOldAgents(system, found.services),
    sentinel: { version, bootId: await lineIn(system, '/proc/sys/kernel/random/boot_id') },
    details: {
      missing,
      init,
      kernels,
      degraded: arrays.filter(({ degraded, active }) => degraded || !active).map(({ name }) => name),
      locked: lockedDevices(nodes, content),
      multipath: nodes.filter(({ mappedUuid }) => mappedUuid.startsWith('mpath-')).map((node) => node.mappedName),
      hardwareNames: parseFstab((await system.read('/etc/fstab')) ?? '')
        .map(({ device }) => device)
        .filter(isHardwareName),
      lent: links.flatMap(({ lent }) => lent),
      timeService: found.services.find(({ name, state }) => isTimeService(name) && state !== 'failed')?.name ?? '',
    },
  };
}

type Identity = Pick<
  GuestInventory,
  'hostname' | 'os' | 'kernel' | 'machine' | 'firmware' | 'bootLoader' | 'memory' | 'processors'
>;

async function readIdentity(system: GuestSystem, missing: string[]): Promise<Identity> {
  const uname = await system.run('uname', ['-m']);
  if (uname.status !== 0) missing.push(`machine: ${uname.stderr.trim()}`);
  const memory = /^MemTotal:\s+(\d+) kB/m.exec((await system.read('/proc/meminfo')) ?? '')?.[1];
  const processors = (await system.read('/proc/cpuinfo'))?.match(/^processor\s*:/gm)?.length ?? 0;
  const os = await readOs(system);
  if (memory === undefined) missing.push('memory: /proc/meminfo does not say');
  if (processors === 0) missing.push('processors: /proc/cpuinfo does not say');
  if (os === undefined) missing.push(`os: none of ${releaseFiles.join(', ')} names it`);
  return {
    hostname: await lineIn(system, '/proc/sys/kernel/hostname'),
    os: os ?? { id: 'unknown', version: '', name: 'unknown' },
    kernel: await lineIn(system, '/proc/sys/kernel/osrelease'),
    machine: uname.status === 0 ? uname.stdout.trim() : 'unknown',
    firmware: await readFirmware(system),
    bootLoader: await readBootLoader(system),
    memory: bytes(Number(memory ?? 0) * KiB),
    processors,
  };
}

async function readOs(system: GuestSystem): Promise<OsRelease | undefined> {
  for (const path of releaseFiles) {
    const text = await system.read(path);
    const release = text === undefined ? undefined : parseRelease(path, text);
    if (release !== undefined) return release;
  }
  return undefined;
}

type Contents = ReadonlyMap<string, BlockContent>;

async function readContent(system: GuestSystem, missing: string[]): Promise<Contents> {
  const columns = lsblkColumns.join(',');
  const json = await system.run('lsblk', ['-J', '-o', columns]);
  const parsed = json.status === 0 ? parseLsblkJson(json.stdout) : undefined;
  if (parsed !== undefined) return parsed;
  const pairs = await system.run('lsblk', ['-P', '-o', columns]);
  if (pairs.status === 0) return parseLsblkPairs(pairs.stdout);
  missing.push(`types and UUIDs of block devices: ${pairs.stderr.trim()}`);
  return new Map();
}

function disksOf(
  nodes: readonly BlockNode[],
  content: Contents,
  tracking: (disk: string) => GuestDisk['tracking'],
): readonly GuestDisk[] {
  return nodes
    .filter(({ kind }) => kind === 'disk')
    .map((node) => ({
      // Names of some controllers hold a `!` for a slash (cciss!c0d0), which no id may.
      id: diskId(node.name.replaceAll('!', '-')),
      path: `/dev/${node.name.replaceAll('!', '/')}`,
      size: bytes(node.sizeBytes),
      logicalBlockSize: bytes(node.logicalBlockSizeBytes),
      tracking: tracking(node.name),
      partitions: node.partitions.map((part) => ({
        path: `/dev/${part.name.replaceAll('!', '/')}`,
        number: part.number,
        start: bytes(part.startBytes),
        size: bytes(part.sizeBytes),
        type: content.get(part.name)?.partitionType ?? '',
      })),
    }));
}

async function kernelTracking(system: GuestSystem): Promise<() => GuestDisk['tracking']> {
  const known = parseKnownTypes((await system.read('/proc/filesystems')) ?? '').has('tracefs');
  const events = await Promise.all(
    ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'].map((at) => isThere(system, `${at}/events/block`)),
  );
  if (known || events.includes(true)) return () => ({ possible: true });
  return () => ({ possible: false, why: 'the kernel has no tracefs' });
}

const parseKnownTypes = (text: string): ReadonlySet<string> =>
  new Set(text.split('\n').flatMap((line) => /(\S+)$/.exec(line)?.[1] ?? []));

async function readLvm(
  system: GuestSystem,
  nodes: readonly BlockNode[],
  missing: string[],
): Promise<readonly GuestVolume[]> {
  const mapped = mappedVolumes(nodes, 'lvm');
  const columns = ['-o', lvsColumns.join(',')];
  const json = await system.run('lvs', ['--reportformat', 'json', ...columns]);
  const parsed = json.status === 0 ? parseLvsJson(json.stdout) : undefined;
  if (parsed !== undefined) return parsed;
  const text = await system.run('lvs', ['--noheadings', '--separator', '|', ...columns]);
  if (text.status === 0) return parseLvsText(text.stdout);
  // A guest without LVM has no program for it either.
  if (mapped.length > 0) missing.push(`volumes that are not active: lvs said ${text.stderr.trim()}`);
  return mapped;
}

function lockedDevices(nodes: readonly BlockNode[], content: Contents): readonly string[] {
  const open = new Set(nodes.filter((node) => node.mappedUuid.startsWith('CRYPT-')).flatMap((node) => node.parts));
  return [...content].filter(([name, { fsType }]) => fsType === 'crypto_LUKS' && !open.has(name)).map(([name]) => name);
}

async function readFileSystems(
  system: GuestSystem,
  mounts: readonly Mount[],
  content: Contents,
  missing: string[],
): Promise<readonly GuestFileSystem[]> {
  const noDevice = parseNoDeviceTypes((await system.read('/proc/filesystems')) ?? '');
  const own = oncePerFileSystem(onDisk(mounts, noDevice));
  if (own.length === 0) missing.push('file systems: /proc/self/mountinfo lists none on a disk');
  const asked = await system.run('df', ['-P', '-k', ...own.map(({ mountpoint }) => mountpoint)]);
  const room = parseDf(asked.stdout);
  for (const { mountpoint } of own)
    if (!room.has(mountpoint)) missing.push(`room on ${mountpoint}: df said ${asked.stderr.trim()}`);
  return Promise.all(
    own.map(async (mount) => {
      const name = await kernelName(system, mount);
      const taken = room.get(mount.mountpoint);
      return {
        device: mount.source,
        type: mount.type,
        uuid: content.get(name)?.uuid ?? '',
        mountpoint: mount.mountpoint,
        size: bytes((taken?.size ?? 0) * KiB),
        used: bytes((taken?.used ?? 0) * KiB),
        options: mount.options,
      };
    }),
  );
}

// A source may be a link, a label or `/dev/root`; the device number is none of these.
async function kernelName(system: GuestSystem, { device, source }: Mount): Promise<string> {
  const event = (await system.read(`/sys/dev/block/${device}/uevent`)) ?? '';
  return /^DEVNAME=(.*)$/m.exec(event)?.[1] ?? source.slice(source.lastIndexOf('/') + 1);
}

/** Reads `df -P -k`: size and use in KiB, by mountpoint. */
export const parseDf = (text: string): ReadonlyMap<string, { readonly size: number; readonly used: number }> =>
  new Map(
    text.split('\n').flatMap((line) => {
      const row = /\s(\d+)\s+(\d+)\s+-?\d+\s+\S+\s+(\/.*)$/.exec(line);
      return row ? [[row[3] ?? '', { size: Number(row[1]), used: Number(row[2]) }]] : [];
    }),
  );

/** Reads `/proc/swaps`: devices and files. */
export const parseSwaps = (text: string): readonly string[] =>
  text
    .split('\n')
    .flatMap((line) => /^(\/\S*)/.exec(line)?.[1] ?? [])
    .map(unescaped);

const isTimeService = (name: string): boolean =>
  /^(?:chrony|chronyd|ntp|ntpd|ntpsec|openntpd|systemd-timesyncd)(?:\.service)?$/.test(name);
