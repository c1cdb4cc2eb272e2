import { z } from 'zod';
import type { DiskId } from '#core/ids';
import {
  invalidMark,
  type ChangeMark,
  type Changes,
  type DiskLocator,
  type HypervisorError,
  type SourceHypervisor,
  type SourceInventory,
} from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { bytes } from '#core/units';
import { oneAtATime } from '#replicator/one-at-a-time';
import { closeExports, hasExports, openExport } from './exports.ts';
import { allNodes, currentDisks, type KvmDisk } from './inventory.ts';
import { findMark, isSameMark, planAdvance, planBegin, planRemoval, type TransactionAction } from './marks.ts';
import { kvmMonitor, type Monitor } from './monitor.ts';
import { ensureNbdServer, exportUri, stopNbdServer } from './nbd-server.ts';
import { exportAddress, type KvmOptions } from './options.ts';
import { continueGuest, powerState, runState, stopGuest } from './power.ts';

/**
 * One VM of a QEMU, through its monitor and its own NBD server. Marks are dirty bitmaps, named so that they can be told
 * from foreign ones; disks are read through read-only exports, while the guest writes.
 *
 * Connects at the first call and again after a loss. Calls are carried out one after the other, because each looks at
 * the world before it changes it. Nothing here remembers anything about the VM: what is not in QEMU is not known.
 */
export const kvmHypervisor = (options: KvmOptions): SourceHypervisor =>
  kvmHypervisorOver(kvmMonitor(options.qmp, options.commandTimeout), options);

/** The same through a monitor that there is already. It is closed with the hypervisor. */
export function kvmHypervisorOver(monitor: Monitor, options: KvmOptions): SourceHypervisor {
  const kvm: Kvm = { monitor, options };
  const { alone: inTurn } = oneAtATime();
  return {
    inspect: () => inTurn(() => inspect(kvm)),
    beginMark: (mark) => inTurn(() => changeMarks(kvm, 'beginMark', [mark], (disks) => planBegin(disks, mark))),
    advanceMark: (from, to) =>
      inTurn(() => changeMarks(kvm, 'advanceMark', [from, to], (disks) => planAdvance(disks, from, to))),
    changes: (mark) => inTurn(() => changes(kvm, mark)),
    dropMark: (mark) => inTurn(() => forget(kvm, 'dropMark', (held) => isSameMark(held, mark))),
    openDisk: (disk, since) => inTurn(() => openDisk(kvm, disk, since)),
    closeDisks: () => inTurn(() => closeExports(kvm.monitor, 'closeDisks', ({ owner }) => owner === options.owner)),
    pause: () => inTurn(() => stopGuest(kvm.monitor, 'pause')),
    resume: () => inTurn(() => continueGuest(kvm.monitor, 'resume')),
    release: (owner) => inTurn(() => release(kvm, owner)),
    close: () => kvm.monitor.close(),
  };
}

interface Kvm {
  readonly monitor: Monitor;
  readonly options: KvmOptions;
}
type Outcome<T> = Promise<Result<T, HypervisorError>>;

const nothing = z.object({});
const named = z.object({ name: z.string().optional() });
const versioned = z.object({ qemu: z.object({ major: z.number(), minor: z.number(), micro: z.number() }) });

async function inspect({ monitor, options }: Kvm): Outcome<SourceInventory> {
  const operation = 'inspect';
  const version = await monitor.ask(operation, { command: 'query-version' }, versioned);
  if (!version.ok) return version;
  const name = await monitor.ask(operation, { command: 'query-name' }, named);
  if (!name.ok) return name;
  const state = await runState(monitor, operation);
  if (!state.ok) return state;
  const disks = await currentDisks(monitor, operation, options.disks);
  if (!disks.ok) return disks;
  const { major, minor, micro } = version.value.qemu;
  return ok({
    name: name.value.name ?? 'unnamed',
    power: powerState(state.value),
    disks: disks.value.map(({ id, size }) => ({ id, size, tracking: { possible: true } })),
    hypervisor: `QEMU ${major}.${minor}.${micro}`,
  });
}

async function changeMarks(
  { monitor, options }: Kvm,
  operation: string,
  marks: readonly ChangeMark[],
  plan: (disks: readonly KvmDisk[]) => Result<readonly TransactionAction[], HypervisorError>,
): Outcome<void> {
  const invalid = marks.map((mark) => invalidMark(operation, mark)).find((error) => error !== undefined);
  if (invalid !== undefined) return err(invalid);
  const disks = await currentDisks(monitor, operation, options.disks);
  if (!disks.ok) return disks;
  const planned = plan(disks.value);
  return planned.ok ? await transact(monitor, operation, planned.value) : planned;
}

// All or nothing, and at one instant for all disks: QEMU drains them first and undoes what was done if one fails.
async function transact(monitor: Monitor, operation: string, actions: readonly TransactionAction[]): Outcome<void> {
  if (actions.length === 0) return ok(undefined);
  const done = await monitor.ask(operation, { command: 'transaction', args: { actions } }, nothing);
  return done.ok ? ok(undefined) : done;
}

async function changes({ monitor, options }: Kvm, mark: ChangeMark): Outcome<readonly Changes[]> {
  const disks = await currentDisks(monitor, 'changes', options.disks);
  if (!disks.ok) return disks;
  const found: Changes[] = [];
  for (const disk of disks.value) {
    const held = findMark(disks.value, disk, mark);
    if (!held.ok) return held;
    // The last grain of a disk may be counted whole although the disk ends within it.
    found.push({ disk: disk.id, dirty: bytes(Math.min(held.value.bitmap.count, disk.size)) });
  }
  return ok(found);
}

async function openDisk({ monitor, options }: Kvm, id: DiskId, since?: ChangeMark): Outcome<DiskLocator> {
  const operation = 'openDisk';
  const disks = await currentDisks(monitor, operation, options.disks);
  if (!disks.ok) return disks;
  const disk = disks.value.find((candidate) => candidate.id === id);
  if (disk === undefined) return err({ type: 'DiskNotFound', disk: id });
  const bitmap = since === undefined ? ok(undefined) : frozenBitmap(disks.value, disk, since);
  if (!bitmap.ok) return bitmap;
  const address = exportAddress(options);
  const server = await ensureNbdServer(monitor, operation, address);
  if (!server.ok) return server;
  const name = { owner: options.owner, disk: id, mark: since?.number };
  const opened = await openExport(monitor, operation, { name, node: disk.node, bitmap: bitmap.value });
  if (!opened.ok) return opened;
  const uri = exportUri(address, opened.value);
  return ok(
    bitmap.value === undefined
      ? { type: 'nbd', uri }
      : { type: 'nbd', uri, changesContext: `qemu:dirty-bitmap:${bitmap.value}` },
  );
}

function frozenBitmap(disks: readonly KvmDisk[], disk: KvmDisk, mark: ChangeMark): Result<string, HypervisorError> {
  const held = findMark(disks, disk, mark);
  if (!held.ok) return held;
  if (held.value.isFrozen) return ok(held.value.bitmap.name);
  const detail = `mark ${mark.number} still records; advance to the next one and read this one after`;
  return err({ type: 'Refused', operation: 'openDisk', detail });
}

/** Drops chosen marks, with the exports that show them: QEMU does not let go of a bitmap that is being read. */
async function forget({ monitor }: Kvm, operation: string, isChosen: (mark: ChangeMark) => boolean): Outcome<void> {
  const closed = await closeExports(
    monitor,
    operation,
    ({ owner, mark }) => mark !== undefined && isChosen({ owner, number: mark }),
  );
  if (!closed.ok) return closed;
  const nodes = await allNodes(monitor, operation);
  if (!nodes.ok) return nodes;
  return await transact(monitor, operation, planRemoval(nodes.value, isChosen));
}

async function release(kvm: Kvm, owner: string): Outcome<void> {
  const operation = 'release';
  const { monitor, options } = kvm;
  const closed = await closeExports(monitor, operation, (name) => name.owner === owner);
  if (!closed.ok) return closed;
  const forgotten = await forget(kvm, operation, (mark) => mark.owner === owner);
  if (!forgotten.ok) return forgotten;
  const inUse = await hasExports(monitor, operation);
  if (!inUse.ok) return inUse;
  if (inUse.value) return ok(undefined); // Somebody else shows disks through the server: it is theirs now.
  return await stopNbdServer(monitor, operation, exportAddress(options));
}
