import { err, ok, type Result } from '#core/result';
import type { RegistryValues } from '#core/ports/windows-guest';
import { invariant } from '#core/invariant';
import type { GuestDisk } from './guest-disk.ts';

/*
 * What is installed on a guest's disks, as data: whatever decides whether and how it boots. It is written on the disks as
 * bytes, so that what boots is what was copied and edited, and nothing else:
 *
 *     boot disk:  | system: 64 KiB | records | what the guest writes ... |
 *     others:     | label: 4 KiB ... 64 KiB | records | what the guest writes ... |
 */

/** What a guest consists of. Names are those of the guest. */
export interface InstalledSystem {
  readonly family: 'linux' | 'windows';
  readonly hostname: string;
  readonly firmware: 'bios' | 'uefi';
  /** Told apart from any other guest's: what its records are made from. */
  readonly identity: number;
  /** Partitions of the boot disk. */
  readonly partitions: readonly InstalledPartition[];
  /** Texts of files by path; of Windows those that are no registry. */
  readonly files: Readonly<Record<string, string>>;
  /** Programs, drivers and units that are there, by path. */
  readonly present: readonly string[];
  /** Highest version first. Windows has none of them. */
  readonly kernels: readonly InstalledKernel[];
  /** In the order in which they start. */
  readonly services: readonly InstalledService[];
  /** Of Windows: keys with their values. */
  readonly registry?: Readonly<Record<string, RegistryValues>>;
}

/** A partition with what is on it. */
export interface InstalledPartition {
  readonly number: number;
  /** As blkid says: ext4, vfat, swap, ntfs. */
  readonly type: string;
  readonly uuid: string;
  readonly label: string;
  readonly partUuid: string;
  readonly partType: string;
}

/** A kernel of Linux. */
export interface InstalledKernel {
  readonly version: string;
  readonly image: string;
  readonly drivers: Readonly<Record<string, 'module' | 'builtin'>>;
  readonly initramfs?: {
    readonly path: string;
    readonly size: number;
    readonly modules: readonly string[];
    readonly programs: readonly string[];
  };
}

/** A service, with what it takes to start and to stop. */
export interface InstalledService {
  readonly name: string;
  /** Mountpoints without which it fails. */
  readonly needs: readonly string[];
  /** How long it takes to stop, in milliseconds. */
  readonly stopMs: number;
  /** Whether it is the one that keeps records on the disks. */
  readonly keepsRecords?: true;
}

/** What the head of a disk is, in bytes. */
export const headLength = 65_536;
const magic = 'GUESTSYS';
const headerLength = magic.length + 8;

/** Writes the head of the boot disk: the system that boots from it. */
export const writeSystem = (disk: GuestDisk, system: InstalledSystem): void => writeHead(disk, { system });

/** Writes the head of another disk: what is on it. */
export const writeLabel = (disk: GuestDisk, partitions: readonly InstalledPartition[]): void =>
  writeHead(disk, { partitions });

/** Why there is no system on a disk: nobody ever wrote one, or it is not whole. */
export type NoSystem = 'empty' | 'torn';

/** Reads the system that is on a disk. */
export function readSystem(disk: GuestDisk): Result<InstalledSystem, NoSystem> {
  const head = readHead(disk);
  if (!head.ok) return head;
  return head.value.system ? ok(head.value.system) : err('empty');
}

/** Partitions of a disk; none where nothing says so. */
export function readPartitions(disk: GuestDisk): readonly InstalledPartition[] {
  const head = readHead(disk);
  if (!head.ok) return [];
  return head.value.system?.partitions ?? head.value.partitions ?? [];
}

interface Head {
  readonly system?: InstalledSystem;
  readonly partitions?: readonly InstalledPartition[];
}

function writeHead(disk: GuestDisk, head: Head): void {
  const text = new TextEncoder().encode(JSON.stringify(head));
  invariant(headerLength + text.length <= headLength, `what is installed takes ${text.length} bytes of ${headLength}`);
  const whole = new Uint8Array(head.system ? headLength : Math.ceil((headerLength + text.length) / 4096) * 4096);
  whole.set(new TextEncoder().encode(magic));
  const view = new DataView(whole.buffer);
  view.setUint32(magic.length, text.length);
  view.setUint32(magic.length + 4, checksum(text));
  whole.set(text, headerLength);
  disk.write(0, whole);
  disk.flush();
}

function readHead(disk: GuestDisk): Result<Head, NoSystem> {
  const header = disk.read(0, headerLength);
  if (new TextDecoder().decode(header.subarray(0, magic.length)) !== magic) return err('empty');
  const view = new DataView(header.buffer, header.byteOffset);
  const length = view.getUint32(magic.length);
  if (length > headLength - headerLength || headerLength + length > disk.size) return err('torn');
  const text = disk.read(headerLength, length);
  if (checksum(text) !== view.getUint32(magic.length + 4)) return err('torn');
  return ok(JSON.parse(new TextDecoder().decode(text)) as Head);
}

/** A checksum of 32 bits (FNV-1a): enough to tell a head that was written by half. */
export function checksum(data: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
