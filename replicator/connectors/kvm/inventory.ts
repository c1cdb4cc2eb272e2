import { z } from 'zod';
import { diskId, type DiskId } from '#core/ids';
import type { HypervisorError } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { bytes, type Bytes } from '#core/units';
import type { Monitor } from './monitor.ts';
import type { NamedNode } from './options.ts';

/** A dirty bitmap as QEMU describes it. */
export interface Bitmap {
  readonly name: string;
  /** Bytes recorded as written, in whole grains. */
  readonly count: number;
  readonly recording: boolean;
  /** In use by an export or a job, so that it cannot be changed now. */
  readonly busy: boolean;
  /** It was not closed properly once; what it says means nothing. */
  readonly inconsistent: boolean;
}

/** A block node: where a disk's bitmaps are, and what an export shows. */
export interface BlockNode {
  readonly node: string;
  readonly size: Bytes;
  readonly bitmaps: readonly Bitmap[];
}

/** A disk of the VM and the node its guest writes to. */
export interface KvmDisk extends BlockNode {
  readonly id: DiskId;
}

const bitmap = z.object({
  name: z.string().optional(),
  count: z.number().int().nonnegative(),
  recording: z.boolean(),
  busy: z.boolean(),
  inconsistent: z.boolean().optional(),
});
const blockNode = z.object({
  'node-name': z.string().min(1),
  image: z.object({ 'virtual-size': z.number().int().nonnegative() }),
  'dirty-bitmaps': z.array(bitmap).optional(),
});
const blockDevice = z.object({
  device: z.string(),
  qdev: z.string().optional(),
  removable: z.boolean(),
  inserted: blockNode.optional(),
});
type BlockDevice = z.infer<typeof blockDevice>;

/** Every block node there is, whether a guest sees it or not. */
export async function allNodes(
  monitor: Monitor,
  operation: string,
): Promise<Result<readonly BlockNode[], HypervisorError>> {
  // Flat: otherwise each node repeats its whole backing chain, and the answer grows with the square of it.
  const command = { command: 'query-named-block-nodes', args: { flat: true } };
  const nodes = await monitor.ask(operation, command, z.array(blockNode));
  return nodes.ok ? ok(nodes.value.map(nodeOf)) : nodes;
}

/** The VM's disks as they are now. */
export async function currentDisks(
  monitor: Monitor,
  operation: string,
  named: readonly NamedNode[] | undefined,
): Promise<Result<readonly KvmDisk[], HypervisorError>> {
  if (named !== undefined) return await namedDisks(monitor, operation, named);
  const devices = await monitor.ask(operation, { command: 'query-block' }, z.array(blockDevice));
  return devices.ok ? ok(disksOf(devices.value)) : devices;
}

async function namedDisks(
  monitor: Monitor,
  operation: string,
  named: readonly NamedNode[],
): Promise<Result<readonly KvmDisk[], HypervisorError>> {
  const nodes = await allNodes(monitor, operation);
  if (!nodes.ok) return nodes;
  const disks: KvmDisk[] = [];
  for (const { id, node } of named) {
    const found = nodes.value.find((candidate) => candidate.node === node);
    if (found === undefined) return err({ type: 'DiskNotFound', disk: diskId(id) });
    disks.push({ ...found, id: diskId(id) });
  }
  return ok(disks);
}

/** The disks among what `query-block` returned: what has a fixed medium. A drive with an exchangeable one is no disk. */
export function disksOf(devices: readonly BlockDevice[]): readonly KvmDisk[] {
  const disks = devices.flatMap(({ inserted, removable, ...names }) =>
    inserted === undefined || removable ? [] : [{ ...nodeOf(inserted), id: nameOf(names, inserted['node-name']) }],
  );
  const isAmbiguous = (id: string): boolean => disks.filter((disk) => disk.id === id).length > 1;
  return disks.map((disk) => ({
    ...disk,
    id: diskId(isAmbiguous(disk.id) ? safe(`${disk.id}-${disk.node}`) : disk.id),
  }));
}

// A device's own id is what its owner calls the disk. libvirt and modern command lines always give one; `device` is
// the name of an old-style drive. A path without an id at least stays the same as long as the command line does.
function nameOf({ device, qdev }: Pick<BlockDevice, 'device' | 'qdev'>, node: string): string {
  const path = qdev?.replace(/\/virtio-backend$/, '') ?? '';
  const own = /^\/machine\/peripheral\/([^/]+)$/.exec(path)?.[1] ?? (path.includes('/') ? '' : path);
  return safe([own, device, path.replace(/^\/machine\//, ''), node].find((name) => name !== '') ?? '');
}

const safe = (name: string): string =>
  name
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replaceAll(/^[^A-Za-z0-9]+|-+$/g, '')
    .slice(0, 100) || 'disk';

const nodeOf = (node: z.infer<typeof blockNode>): BlockNode => ({
  node: node['node-name'],
  size: bytes(node.image['virtual-size']),
  bitmaps: (node['dirty-bitmaps'] ?? []).flatMap(({ name, inconsistent = false, ...rest }) =>
    name === undefined ? [] : [{ ...rest, name, inconsistent }],
  ),
});
