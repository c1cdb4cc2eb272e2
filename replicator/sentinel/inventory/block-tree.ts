import type { GuestSystem } from '#replicator/sentinel/guest-system';

/** A block device as `/sys/block` describes it: the one description that every kernel gives alike. */
export interface BlockNode {
  /** The kernel's name: `vda`, `dm-0`, `md127`. */
  readonly name: string;
  /** A disk has hardware beneath it; `mapped` and `md` are made of others. */
  readonly kind: 'disk' | 'mapped' | 'md';
  readonly sizeBytes: number;
  readonly logicalBlockSizeBytes: number;
  /** What device-mapper calls it; empty for others. */
  readonly mappedName: string;
  /** `LVM-...`, `CRYPT-LUKS2-...`, `mpath-...`; empty for others. */
  readonly mappedUuid: string;
  /** Kernel names of what it is made of. */
  readonly parts: readonly string[];
  readonly partitions: readonly BlockPartition[];
}

/** A partition as the kernel knows it. */
export interface BlockPartition {
  readonly name: string;
  readonly number: number;
  readonly startBytes: number;
  readonly sizeBytes: number;
}

// Sizes and starts in /sys are in sectors of this size, whatever the disk's own is.
const sectorSize = 512;
// Hardware too, but none that holds a system.
const noDisk = /^(?:sr|fd|st|loop|ram|zram|nbd)\d/;

/** Reads `/sys/block`. What has no size (an empty drive) is left out. */
export async function readBlockTree(system: GuestSystem): Promise<readonly BlockNode[]> {
  const names = await system.list('/sys/block');
  const nodes = await Promise.all(names.filter((name) => !noDisk.test(name)).map((name) => readNode(system, name)));
  return nodes.filter((node) => node !== undefined);
}

async function readNode(system: GuestSystem, name: string): Promise<BlockNode | undefined> {
  const at = (file: string): string => `/sys/block/${name}/${file}`;
  const entries = await system.list(`/sys/block/${name}`);
  const kind = entries.includes('dm') ? 'mapped' : entries.includes('md') ? 'md' : 'disk';
  // A disk without `device` has no hardware beneath it: a cache or a driver's own invention.
  if (kind === 'disk' && !entries.includes('device')) return undefined;
  const sizeBytes = (await numberIn(system, at('size'))) * sectorSize;
  if (sizeBytes === 0) return undefined;
  const partitions = await Promise.all(
    entries.filter((entry) => entry.startsWith(name)).map((entry) => readPartition(system, at(entry), entry)),
  );
  return {
    name,
    kind,
    sizeBytes,
    logicalBlockSizeBytes: (await numberIn(system, at('queue/logical_block_size'))) || sectorSize,
    mappedName: await lineIn(system, at('dm/name')),
    mappedUuid: await lineIn(system, at('dm/uuid')),
    parts: await system.list(at('slaves')),
    partitions: partitions.filter((part) => part !== undefined).sort((a, b) => a.number - b.number),
  };
}

async function readPartition(system: GuestSystem, at: string, name: string): Promise<BlockPartition | undefined> {
  const number = await numberIn(system, `${at}/partition`);
  if (number === 0) return undefined;
  const start = (await numberIn(system, `${at}/start`)) * sectorSize;
  return { name, number, startBytes: start, sizeBytes: (await numberIn(system, `${at}/size`)) * sectorSize };
}

/** The first line of a small file; empty if it is not there. */
export const lineIn = async (system: GuestSystem, path: string): Promise<string> =>
  ((await system.read(path)) ?? '').split('\n')[0]?.trim() ?? '';

const numberIn = async (system: GuestSystem, path: string): Promise<number> => {
  const number = Number(await lineIn(system, path));
  return Number.isSafeInteger(number) ? number : 0;
};
