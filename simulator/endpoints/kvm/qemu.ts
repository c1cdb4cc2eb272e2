import { err, ok, type Result } from '#core/result';
import type { ProceduralDisk } from '#simulator/block/disk/procedural-disk';
import { dirtyBitmap, type DirtyBitmap } from './dirty-bitmap.ts';

/** What QMP answers to a command it does not carry out. */
export interface QmpError {
  readonly class: 'GenericError' | 'DeviceNotFound' | 'DeviceNotActive';
  readonly desc: string;
}

/** QEMU's run states, as far as a guest can be brought into them here. */
export type RunState = 'running' | 'paused' | 'shutdown' | 'guest-panicked';

/** A block node: a disk as QEMU has it, with its bitmaps. */
export interface BlockNode {
  readonly nodeName: string;
  readonly disk: ProceduralDisk;
  readonly dirtyBitmaps: ReadonlyMap<string, DirtyBitmap>;
}

/** One action of `transaction`. */
export type TransactionAction =
  | {
      readonly type: 'block-dirty-bitmap-add';
      readonly node: string;
      readonly name: string;
      readonly granularity: number;
      readonly persistent: boolean;
    }
  | {
      readonly type: 'block-dirty-bitmap-disable' | 'block-dirty-bitmap-remove';
      readonly node: string;
      readonly name: string;
    };

/** An export of the NBD server. */
export interface BlockExport {
  readonly id: string;
  readonly nodeName: string;
  readonly bitmap: string | undefined;
}

/** One QEMU process: what it holds is gone with it. */
export interface Qemu {
  queryStatus(): RunState;
  stop(): void;
  cont(): Result<void, QmpError>;
  queryNamedBlockNodes(): readonly BlockNode[];
  transaction(actions: readonly TransactionAction[]): Result<void, QmpError>;
  queryBlockExports(): readonly BlockExport[];
  blockExportAdd(added: BlockExport): Result<void, QmpError>;
  blockExportDel(id: string): Result<void, QmpError>;
  /** A bitmap is gone, as when somebody removed it by hand. Nobody is told. */
  bitmapLost(nodeName: string, name: string): void;
  blockdevAdd(nodeName: string, disk: ProceduralDisk): void;
  /** The guest gives the device up. Its node goes, and its bitmaps with it. */
  deviceDel(nodeName: string): void;
  setStatus(state: RunState): void;
  isAlive(): boolean;
  /** The process ends. */
  end(): void;
}

interface Node extends BlockNode {
  readonly dirtyBitmaps: Map<string, DirtyBitmap>;
  readonly stopWatching: () => void;
}

/** Why a node would take no bitmap, if it would not. */
export type RefusesBitmap = (nodeName: string) => string | undefined;

/** Starts a QEMU over disks. Its guest runs. */
export function qemuProcess(
  disks: readonly { readonly nodeName: string; readonly disk: ProceduralDisk }[],
  refusesBitmap: RefusesBitmap,
): Qemu {
  const nodes = new Map<string, Node>();
  const exports = new Map<string, BlockExport>();
  let status: RunState = 'running';
  let isAlive = true;

  const bitmapOf = (node: string, name: string): DirtyBitmap | undefined => nodes.get(node)?.dirtyBitmaps.get(name);
  const qemu: Qemu = {
    queryStatus: () => status,
    /**
     * `stop`.
     * @source QEMU 7.2, qapi/misc.json: the guest stops, and its drives are drained and flushed before the answer
     */
    stop() {
      if (status !== 'running') return;
      status = 'paused';
      for (const { disk } of nodes.values()) disk.flush();
    },
    cont() {
      if (status === 'shutdown' || status === 'guest-panicked')
        return refusal('Resetting the Virtual Machine is required');
      status = 'running';
      return ok(undefined);
    },
    queryNamedBlockNodes: () => [...nodes.values()],
    transaction: (actions) => transact(nodes, actions, refusesBitmap),
    queryBlockExports: () => [...exports.values()],
    /**
     * `block-export-add` of a read-only NBD export. What it shows is the node as it is, also while the guest writes.
     * @source QEMU 7.2, qapi/block-export.json: a bitmap that is exported is busy until the export is gone
     */
    blockExportAdd(added) {
      const node = nodes.get(added.nodeName);
      if (node === undefined) return refusal(`Cannot find device='' nor node-name='${added.nodeName}'`);
      if (exports.has(added.id)) return refusal(`Block export id '${added.id}' is already in use`);
      const bitmap = added.bitmap === undefined ? undefined : bitmapOf(added.nodeName, added.bitmap);
      if (added.bitmap !== undefined && bitmap === undefined) return refusal(`Bitmap '${added.bitmap}' is not found`);
      if (bitmap !== undefined) bitmap.readers += 1;
      exports.set(added.id, added);
      return ok(undefined);
    },
    blockExportDel(id) {
      const gone = exports.get(id);
      if (gone === undefined) return refusal(`Export '${id}' is not found`);
      exports.delete(id);
      const bitmap = gone.bitmap === undefined ? undefined : bitmapOf(gone.nodeName, gone.bitmap);
      if (bitmap !== undefined) bitmap.readers -= 1;
      return ok(undefined);
    },
    bitmapLost: (nodeName, name) => void nodes.get(nodeName)?.dirtyBitmaps.delete(name),
    blockdevAdd(nodeName, disk) {
      const dirtyBitmaps = new Map<string, DirtyBitmap>();
      const stopWatching = disk.onWrite((range) => {
        for (const bitmap of dirtyBitmaps.values()) bitmap.record(range);
      });
      nodes.set(nodeName, { nodeName, disk, dirtyBitmaps, stopWatching });
    },
    deviceDel(nodeName) {
      nodes.get(nodeName)?.stopWatching();
      nodes.delete(nodeName);
      for (const { id, nodeName: shown } of exports.values()) if (shown === nodeName) exports.delete(id);
    },
    setStatus: (state) => void (status = state),
    isAlive: () => isAlive,
    end() {
      isAlive = false;
      for (const nodeName of [...nodes.keys()]) qemu.deviceDel(nodeName);
    },
  };
  for (const { nodeName, disk } of disks) qemu.blockdevAdd(nodeName, disk);
  return qemu;
}

/**
 * `transaction`.
 * @source QEMU 7.2, qapi/transaction.json: all actions or none, at one instant over all nodes
 */
function transact(
  nodes: ReadonlyMap<string, Node>,
  actions: readonly TransactionAction[],
  refusesBitmap: RefusesBitmap,
): Result<void, QmpError> {
  const undo: (() => void)[] = [];
  for (const action of actions) {
    const failed = act(nodes.get(action.node), action, refusesBitmap, undo);
    if (failed === undefined) continue;
    for (const step of undo.toReversed()) step();
    return err(failed);
  }
  return ok(undefined);
}

function act(
  node: Node | undefined,
  action: TransactionAction,
  refusesBitmap: RefusesBitmap,
  undo: (() => void)[],
): QmpError | undefined {
  const { name } = action;
  if (node === undefined) return failure(`Cannot find device='${action.node}' nor node-name='${action.node}'`);
  const bitmaps = node.dirtyBitmaps;
  const bitmap = bitmaps.get(name);
  if (action.type === 'block-dirty-bitmap-add') {
    const refused = refusesBitmap(action.node);
    if (refused !== undefined) return failure(refused);
    if (bitmap !== undefined) return failure(`Bitmap already exists: ${name}`);
    bitmaps.set(name, dirtyBitmap(name, action.granularity, action.persistent));
    undo.push(() => void bitmaps.delete(name));
    return undefined;
  }
  if (bitmap === undefined) return failure(`Dirty bitmap '${name}' not found`);
  if (bitmap.readers > 0)
    return failure(`Bitmap '${name}' is currently in use by another operation and cannot be used`);
  if (action.type === 'block-dirty-bitmap-remove') {
    bitmaps.delete(name);
    undo.push(() => void bitmaps.set(name, bitmap));
    return undefined;
  }
  if (bitmap.inconsistent) return failure(`Bitmap '${name}' is inconsistent and cannot be used`);
  const before = bitmap.recording;
  bitmap.recording = false;
  undo.push(() => void (bitmap.recording = before));
  return undefined;
}

const failure = (desc: string): QmpError => ({ class: 'GenericError', desc });
const refusal = (desc: string): Result<never, QmpError> => err(failure(desc));
