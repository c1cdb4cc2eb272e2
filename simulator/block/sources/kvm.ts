import type {
  ChangeMark,
  Changes,
  DiskLocator,
  SourceHypervisor,
  SourceInventory,
} from '#core/ports/source-hypervisor';
import type { DiskId } from '#core/ids';
import { err, ok, type Result } from '#core/result';
import { bytes } from '#core/units';
import { kvmDomain, type KvmDomain } from '#simulator/endpoints/kvm/domain';
import { virtualHardware } from '#simulator/endpoints/hardware';
import type { BlockExport, BlockNode, Qemu, QmpError } from '#simulator/endpoints/kvm/qemu';
import {
  refused,
  sourceConnector,
  stillRecords,
  straightCall,
  unreachable,
  type ConnectorOptions,
  type Outcome,
} from './connector.ts';
import { findMark, planAdvance, planBegin, planRemoval, type KvmDisks } from './kvm-marks.ts';
import { inventoryOf } from './hosted-vm.ts';
import { kvmPower } from './kvm-power.ts';
import { kvmVm } from './kvm-vm.ts';
import { exportName, parseExportName } from './names.ts';
import { simulatedSource, type Placed, type SimulatedSource, type SourceOptions } from './source.ts';

/** A VM of a simulated libvirt, migrated through QEMU's monitor as the real connector does it. */
export function kvmSource(options: SourceOptions): SimulatedSource {
  const domain = kvmDomain(virtualHardware(options.name, options.disks));
  return simulatedSource(options, kvmVm(domain), (placed) => ({
    hypervisor: (connector) => kvmConnector(domain, placed, connector),
    power: (connector) => kvmPower(domain, placed, connector),
  }));
}

interface Kvm {
  readonly domain: KvmDomain;
  readonly placed: Placed;
  readonly owner: string;
  /** One command of the monitor. */
  ask<T>(operation: string, act: (qemu: Qemu) => Result<T, QmpError>): Outcome<T>;
}

function kvmConnector(
  domain: KvmDomain,
  placed: Placed,
  { owner, call = straightCall }: ConnectorOptions,
): SourceHypervisor {
  const kvm: Kvm = {
    domain,
    placed,
    owner,
    ask: (operation, act) =>
      call(operation, () => {
        const qemu = domain.qemu();
        if (qemu === undefined || !placed.host().isUp()) return unreachable(operation, 'nobody listens at the monitor');
        const answer = act(qemu);
        domain.follow();
        return answer.ok ? answer : refused(operation, `${answer.error.class}: ${answer.error.desc}`);
      }),
  };
  const changeMarks = async (operation: string, plan: (disks: KvmDisks) => ReturnType<typeof planBegin>) => {
    const disks = await disksOf(kvm, operation);
    if (!disks.ok) return disks;
    const actions = plan(disks.value);
    if (!actions.ok) return actions;
    if (actions.value.length === 0) return ok(undefined);
    return await kvm.ask(operation, (qemu) => qemu.transaction(actions.value));
  };
  const ofOwner = (name: string) => (named: { readonly owner: string }) => named.owner === name;
  return sourceConnector({
    inspect: () => inspect(kvm),
    beginMark: (mark) => changeMarks('beginMark', (disks) => planBegin(disks, mark)),
    advanceMark: (from, to) => changeMarks('advanceMark', (disks) => planAdvance(disks, from, to)),
    changes: (mark) => changes(kvm, mark),
    dropMark: (mark) => forget(kvm, 'dropMark', ({ owner: of, number }) => of === mark.owner && number === mark.number),
    openDisk: (disk, since) => openDisk(kvm, disk, since),
    closeDisks: () => closeExports(kvm, 'closeDisks', ofOwner(owner)),
    pause: () => pause(kvm),
    resume: () => resume(kvm),
    async release(of) {
      const closed = await closeExports(kvm, 'release', ofOwner(of));
      return closed.ok ? await forget(kvm, 'release', ofOwner(of)) : closed;
    },
  });
}

const disksOf = (kvm: Kvm, operation: string): Outcome<KvmDisks> =>
  kvm.ask(operation, (qemu) => ok({ nodes: qemu.queryNamedBlockNodes(), count: kvm.domain.hardware.disks().length }));

const inspect = ({ ask, domain }: Kvm): Outcome<SourceInventory> =>
  ask('inspect', () => ok(inventoryOf(domain.hardware, 'QEMU 7.2.22 (simulated)')));

async function changes(kvm: Kvm, mark: ChangeMark): Outcome<readonly Changes[]> {
  const disks = await disksOf(kvm, 'changes');
  if (!disks.ok) return disks;
  const found: Changes[] = [];
  for (const node of disks.value.nodes) {
    const held = findMark(disks.value, node, mark);
    if (!held.ok) return held;
    found.push({ disk: node.disk.id, dirty: bytes(Math.min(held.value.bitmap.count(), node.disk.size)) });
  }
  return ok(found);
}

async function openDisk(kvm: Kvm, id: DiskId, since: ChangeMark | undefined): Outcome<DiskLocator> {
  const operation = 'openDisk';
  const disks = await disksOf(kvm, operation);
  if (!disks.ok) return disks;
  const node = disks.value.nodes.find(({ disk }) => disk.id === id);
  const name = exportName(kvm.owner, id, since);
  if (node === undefined) return await openElsewhere(kvm, id, since, name);
  let bitmap: string | undefined;
  if (since !== undefined) {
    const held = findMark(disks.value, node, since);
    if (!held.ok) return held;
    if (!held.value.isFrozen) return stillRecords(since);
    bitmap = held.value.bitmap.name;
  }
  const shown = { id: name, nodeName: node.nodeName, bitmap };
  return await kvm.ask(operation, (qemu) => {
    const same = qemu.queryBlockExports().find((candidate) => candidate.id === name);
    if (same === undefined) {
      const added = qemu.blockExportAdd(shown);
      if (!added.ok) return added;
    } else if (same.bitmap !== bitmap) return err({ class: 'GenericError', desc: `the export ${name} shows another` });
    return ok(show(kvm, qemu, node, shown));
  });
}

function show(
  { placed }: Kvm,
  qemu: Qemu,
  { disk, dirtyBitmaps }: BlockNode,
  { id, bitmap }: BlockExport,
): DiskLocator {
  const held = bitmap === undefined ? undefined : dirtyBitmaps.get(bitmap);
  const context = `qemu:dirty-bitmap:${bitmap}`;
  const host = placed.host();
  const uri = placed.show(id, {
    content: disk,
    changes: held && { context, extents: () => held.extents(disk.size) },
    gone: () =>
      qemu.isAlive() && host.isUp() && qemu.queryBlockExports().some((candidate) => candidate.id === id)
        ? undefined
        : 'the connection was closed by QEMU',
  });
  return held === undefined ? { type: 'nbd', uri } : { type: 'nbd', uri, changesContext: context };
}

/** A disk that QEMU does not serve is read from whoever does, as it is. */
async function openElsewhere(
  { ask, domain, placed }: Kvm,
  id: DiskId,
  since: ChangeMark | undefined,
  name: string,
): Outcome<DiskLocator> {
  const found = domain.hardware.disks().find(({ disk }) => disk.id === id);
  if (found === undefined) return err({ type: 'DiskNotFound', disk: id });
  if (since !== undefined) return err({ type: 'TrackingLost', disk: id, detail: String(found.untracked) });
  return await ask('openDisk', (qemu) => {
    domain.backEndExports.add(name);
    const gone = () =>
      domain.backEndExports.has(name) && qemu.isAlive() ? undefined : 'the back end closed the connection';
    return ok({ type: 'nbd', uri: placed.show(name, { content: found.disk, changes: undefined, gone }) });
  });
}

async function closeExports(
  { ask, domain }: Kvm,
  operation: string,
  isChosen: (name: { readonly owner: string; readonly mark: number | undefined }) => boolean,
): Outcome<void> {
  const existing = await ask(operation, (qemu) =>
    ok({ served: qemu.queryBlockExports().map(({ id }) => id), elsewhere: [...domain.backEndExports] }),
  );
  if (!existing.ok) return existing;
  const ours = (name: string): boolean => {
    const parsed = parseExportName(name);
    return parsed !== undefined && isChosen(parsed);
  };
  for (const id of existing.value.served.filter(ours)) {
    const deleted = await ask(operation, (qemu) =>
      qemu.queryBlockExports().some((candidate) => candidate.id === id) ? qemu.blockExportDel(id) : ok(undefined),
    );
    if (!deleted.ok) return deleted;
  }
  for (const id of existing.value.elsewhere.filter(ours)) {
    const deleted = await ask(operation, () => ok(void domain.backEndExports.delete(id)));
    if (!deleted.ok) return deleted;
  }
  return ok(undefined);
}

/** Drops chosen marks, with the exports that show them: QEMU does not let go of a bitmap that is being read. */
async function forget(kvm: Kvm, operation: string, isChosen: (mark: ChangeMark) => boolean): Outcome<void> {
  const closed = await closeExports(
    kvm,
    operation,
    ({ owner, mark }) => mark !== undefined && isChosen({ owner, number: mark }),
  );
  if (!closed.ok) return closed;
  const disks = await disksOf(kvm, operation);
  if (!disks.ok) return disks;
  const actions = planRemoval(disks.value.nodes, isChosen);
  return actions.length === 0 ? ok(undefined) : await kvm.ask(operation, (qemu) => qemu.transaction(actions));
}

async function pause({ ask }: Kvm): Outcome<void> {
  return await ask('pause', (qemu) => ok(qemu.stop()));
}

async function resume({ ask }: Kvm): Outcome<void> {
  return await ask('resume', (qemu) => (qemu.queryStatus() === 'running' ? ok(undefined) : qemu.cont()));
}
