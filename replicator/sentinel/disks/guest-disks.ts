import { diskId, type DiskId } from '#core/ids';
import { alignDown, bytes, type Bytes } from '#core/units';
import { layersOn, type Layer } from './layers.ts';
import type { Sysfs } from './sysfs.ts';

/**
 * A whole disk of the guest, as its kernel has it. Everything above it (partitions, md, LVM, LUKS, file systems) is
 * content of it and needs no care of its own.
 */
export interface WholeDisk {
  readonly id: DiskId;
  /** The device to read: `/dev/vda`. */
  readonly path: string;
  /** Whole logical blocks. What is left at the end of some emulated disks can be neither read nor written by a guest. */
  readonly size: Bytes;
  readonly logicalBlockSize: Bytes;
  /** Major and minor as the kernel packs them: `major << 20 | minor`. */
  readonly dev: number;
  /** Another one under the same name is another disk, even of the same size. */
  readonly identity: string;
  /** Whether I/O goes through requests; if not, only through bios, as with multipath heads of NVMe and with pmem. */
  readonly requestBased: boolean;
  /** Whether one request may carry discards of ranges that do not touch. */
  readonly scatteredDiscards: boolean;
  readonly partitions: readonly Partition[];
  /** What is built on it, from the bottom. */
  readonly layers: readonly Layer[];
}

/** A part of a disk, as its partition table has it. */
export interface Partition {
  readonly path: string;
  readonly number: number;
  readonly start: Bytes;
  readonly size: Bytes;
}

/** Which disks to take. */
export interface DiskChoice {
  /** Also loop devices that have a file. For tests: in a guest they are files on disks that are copied anyway. */
  readonly loops?: boolean | readonly string[];
}

/** The kernel counts in these, whatever the disk's own blocks are. */
export const sectorSize = 512;
// Parts of a disk that show as disks of their own, and that no migration moves.
const auxiliary = /^mmcblk\d+(boot\d+|rpmb|gp\d+)$/;
const cdromType = 5;

/**
 * The whole disks that can be moved, by name. Not: removable ones, optical drives, RAM disks, zram, loop devices, what is
 * built on other devices (md, dm), hidden paths, and drives without a medium.
 */
export async function listDisks(sysfs: Sysfs, choice: DiskChoice = {}): Promise<readonly WholeDisk[]> {
  const names = await sysfs.list('block');
  const found = await Promise.all(names.map((name) => readDisk(sysfs, name, choice)));
  return found.filter((disk) => disk !== undefined);
}

async function readDisk(sysfs: Sysfs, name: string, choice: DiskChoice): Promise<WholeDisk | undefined> {
  const at = `block/${name}`;
  if (!(await isWanted(sysfs, name, choice))) return undefined;
  const [sectors, logical, dev, requestBased] = await Promise.all([
    sysfs.number(`${at}/size`),
    sysfs.number(`${at}/queue/logical_block_size`),
    sysfs.text(`${at}/dev`),
    isRequestBased(sysfs, at),
  ]);
  const number = packedDev(dev);
  const logicalBlockSize = logical ?? sectorSize;
  // It vanished while we looked, or it is a drive without a medium.
  if (sectors === undefined || sectors === 0 || number === undefined) return undefined;
  return {
    id: diskId(name.replaceAll(/[^A-Za-z0-9._-]/g, '-')),
    path: pathOf(name),
    size: bytes(alignDown(sectors * sectorSize, logicalBlockSize)),
    logicalBlockSize: bytes(logicalBlockSize),
    dev: number,
    identity: await identityOf(sysfs, at),
    requestBased,
    scatteredDiscards: await scattersDiscards(sysfs, name),
    partitions: await partitionsOf(sysfs, name),
    layers: await layersOn(sysfs, name),
  };
}

async function isWanted(sysfs: Sysfs, name: string, { loops = false }: DiskChoice): Promise<boolean> {
  const at = `block/${name}`;
  if (/^loop\d+$/.test(name)) return loops === true || (Array.isArray(loops) && loops.includes(name));
  if (auxiliary.test(name) || /^(ram|zram|sr|fd|md|dm-)\d+$/.test(name)) return false;
  const [removable, hidden, type, place] = await Promise.all([
    sysfs.number(`${at}/removable`),
    sysfs.number(`${at}/hidden`),
    sysfs.number(`${at}/device/type`),
    sysfs.link(at),
  ]);
  // What has no hardware behind it is made of something else. Heads of NVMe multipath are virtual too, but not there.
  const isBuilt = place?.includes('/virtual/block/') ?? false;
  return removable !== 1 && hidden !== 1 && type !== cdromType && !isBuilt;
}

/** `8:16` as the kernel packs it, or undefined for anything else. */
export function packedDev(text: string | undefined): number | undefined {
  const [, major, minor] = /^(\d+):(\d+)$/.exec(text ?? '') ?? [];
  return major === undefined ? undefined : Number(major) * 2 ** 20 + Number(minor);
}

/** The kernel writes `/` in names as `!`. */
export const pathOf = (name: string): string => `/dev/${name.replaceAll('!', '/')}`;

async function isRequestBased(sysfs: Sysfs, at: string): Promise<boolean> {
  if ((await sysfs.list(`${at}/mq`)).length > 0) return true;
  // Before 5.0 some drivers had a single queue: those always have a scheduler, and without requests there is none.
  const scheduler = await sysfs.text(`${at}/queue/scheduler`);
  return scheduler !== undefined && scheduler !== 'none';
}

/**
 * The number of the disk in the order of their appearance, where the kernel counts (from 5.15 on), and the inode of its
 * folder, which is never used twice while the guest runs.
 */
async function identityOf(sysfs: Sysfs, at: string): Promise<string> {
  const [sequence, inode] = await Promise.all([sysfs.text(`${at}/diskseq`), sysfs.inode(at)]);
  return `${sequence ?? ''}:${inode ?? ''}`;
}

/** Of the drivers that merge discards so, kernels that do not tell have NVMe only. */
async function scattersDiscards(sysfs: Sysfs, name: string): Promise<boolean> {
  const segments = await sysfs.number(`block/${name}/queue/max_discard_segments`);
  return segments === undefined ? name.startsWith('nvme') : segments > 1;
}

async function partitionsOf(sysfs: Sysfs, disk: string): Promise<readonly Partition[]> {
  const names = (await sysfs.list(`block/${disk}`)).filter((name) => name.startsWith(disk));
  const found = await Promise.all(
    names.map(async (name) => {
      const at = `block/${disk}/${name}`;
      const [number, start, size] = await Promise.all(
        ['partition', 'start', 'size'].map((field) => sysfs.number(`${at}/${field}`)),
      );
      if (number === undefined || start === undefined || size === undefined) return undefined;
      return { path: pathOf(name), number, start: bytes(start * sectorSize), size: bytes(size * sectorSize) };
    }),
  );
  return found.filter((partition) => partition !== undefined).sort((a, b) => a.number - b.number);
}
