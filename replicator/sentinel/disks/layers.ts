import type { Sysfs } from './sysfs.ts';

/** Something built on a disk or on one of its partitions. */
export interface Layer {
  readonly kind: 'lvm' | 'luks' | 'md' | 'multipath' | 'other';
  /** Its own name: `vg-root`, `md0`. */
  readonly name: string;
  readonly path: string;
}

// More devices on top of each other than anyone builds.
const depthMax = 16;

/** What is built on a disk, directly or through something else, each once and from the bottom. */
export async function layersOn(sysfs: Sysfs, disk: string): Promise<readonly Layer[]> {
  const found = new Map<string, Layer>();
  let below = [`block/${disk}`, ...(await partsOf(sysfs, disk))];
  for (let depth = 0; below.length > 0 && depth < depthMax; depth += 1) {
    const holders = await Promise.all(below.map((at) => sysfs.list(`${at}/holders`)));
    const fresh = [...new Set(holders.flat())].filter((name) => !found.has(name));
    for (const name of fresh) found.set(name, await layer(sysfs, name));
    // md may be partitioned, and what is built on such a part is built on the disk.
    const parts = await Promise.all(fresh.map((name) => partsOf(sysfs, name)));
    below = [...fresh.map((name) => `block/${name}`), ...parts.flat()];
  }
  return [...found.values()];
}

const partsOf = async (sysfs: Sysfs, disk: string): Promise<string[]> =>
  (await sysfs.list(`block/${disk}`)).filter((name) => name.startsWith(disk)).map((name) => `block/${disk}/${name}`);

async function layer(sysfs: Sysfs, name: string): Promise<Layer> {
  const path = `/dev/${name}`;
  if ((await sysfs.text(`block/${name}/md/level`)) !== undefined) return { kind: 'md', name, path };
  const [mapped, uuid] = await Promise.all([sysfs.text(`block/${name}/dm/name`), sysfs.text(`block/${name}/dm/uuid`)]);
  return { kind: kindOf(uuid ?? ''), name: mapped ?? name, path };
}

/** Tools of the device mapper begin the names they give with what they are. */
function kindOf(uuid: string): Layer['kind'] {
  if (uuid.startsWith('LVM-')) return 'lvm';
  if (uuid.startsWith('CRYPT-')) return 'luks';
  return uuid.startsWith('mpath-') ? 'multipath' : 'other';
}
