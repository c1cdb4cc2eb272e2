import fc from 'fast-check';
import { diskId, type DiskId } from '#core/ids';
import type { ChangeMark, SourceHypervisor } from '#core/ports/source-hypervisor';
import type { Result } from '#core/result';
import { bytes, KiB } from '#core/units';
import { kvmHypervisorOver } from '#replicator/connectors/kvm/kvm-hypervisor';
import { formatMarkName } from '#replicator/connectors/kvm/mark-name';
import { proceduralDisk } from '#simulator/block/disk/procedural-disk';
import { virtualHardware } from '#simulator/endpoints/hardware';
import { kvmDomain } from '#simulator/endpoints/kvm/domain';
import { walkedMonitor } from './walked-monitor.ts';

/*
 * The real connector to QEMU over a QEMU that is made up: marks, exports, power. Copies of its disks are made in rounds, as
 * the port says, whatever happens; they may be behind, and never wrong without somebody having been told.
 */

/** One thing that happens. */
export interface KvmTurn {
  readonly kind: (typeof kinds)[number];
  readonly pick: number;
  readonly at: number;
}

const kinds = [
  ...(['write', 'write', 'write', 'write', 'round', 'round', 'round', 'look', 'release', 'drop'] as const),
  ...(['restart', 'forget', 'spoil', 'grow', 'add', 'remove', 'neverSent', 'answerLost', 'stalls', 'moves'] as const),
  ...(['pause', 'pause', 'resume', 'ioError', 'strangers'] as const),
] as const;

/** One walk. */
export interface KvmWalk {
  /** Grains of each disk. */
  readonly disks: readonly number[];
  /** Whether the guest goes on while QEMU carries out a transaction. */
  readonly writesBetween: boolean;
  readonly turns: readonly KvmTurn[];
}

/** Whatever may happen to a VM under QEMU. */
export const anyKvmWalk: fc.Arbitrary<KvmWalk> = fc.record({
  disks: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }),
  writesBetween: fc.boolean(),
  turns: fc.array(fc.record({ kind: fc.constantFrom(...kinds), pick: fc.nat(20), at: fc.nat(100) }), {
    maxLength: 60,
    size: 'max',
  }),
});

const grain = 64 * KiB;
const sector = 4_096;
const owner = 'm';
const mark = (number: number): ChangeMark => ({ owner, number });

/** Walks, and throws the story of what is wrong. */
export async function soundKvm(walk: KvmWalk): Promise<void> {
  const walked = new Walked(walk);
  await walked.begin();
  for (const turn of walk.turns) await walked.take(turn);
  await walked.end();
}

/** A copy of a disk: the versions of its sectors. */
type Copy = Map<DiskId, Uint32Array>;

class Walked {
  readonly #walk: KvmWalk;
  readonly #hardware;
  readonly #domain;
  readonly #hypervisor: SourceHypervisor;
  readonly #copy: Copy = new Map();
  readonly #story: string[] = [];
  readonly #fates: ('neverSent' | 'answerLost')[] = [];
  readonly #strangers = new Map<string, string>();
  /** What the guest believes it has written, and QEMU has not, since the storage fails. */
  #held: (() => void)[] = [];
  #ioError = false;
  #number = 0;
  /** The mark that records was begun, and what is older is in the copy. */
  #isTracked = false;
  /** Why it may have been lost. */
  #spoilt: string | undefined;
  /** The disks that there were when it was begun. */
  #begunOn = '';
  #names = 0;
  #count = 0;

  constructor(walk: KvmWalk) {
    this.#walk = walk;
    const disks = walk.disks.map((grains) => ({ disk: this.#newDisk(grains), untracked: undefined }));
    this.#hardware = virtualHardware('vm', disks);
    this.#domain = kvmDomain(this.#hardware);
    this.#domain.create();
    const monitor = walkedMonitor({
      domain: this.#domain,
      step: () => this.#now(),
      writesBetween: () => walk.writesBetween,
      fate: () => this.#fates.shift(),
      status: () => (this.#ioError ? 'io-error' : undefined),
    });
    this.#hypervisor = kvmHypervisorOver(monitor, {
      ...{ qmp: { host: 'kvm', port: 4_444 }, owner },
      exports: { type: 'inet', host: 'kvm', port: 10_809 },
    });
  }

  async begin(): Promise<void> {
    await this.#copyAll();
  }

  async take({ kind, pick, at }: KvmTurn): Promise<void> {
    this.#story.push(`${kind} ${pick} ${at}`);
    switch (kind) {
      case 'write':
        return this.#write(pick, at);
      case 'round':
        return this.#round();
      case 'look':
        return this.#look();
      case 'release':
        return void (await this.#hypervisor.release('somebody-else'));
      case 'drop':
        return void (await this.#hypervisor.dropMark(mark(this.#number + 1 + pick)));
      case 'neverSent':
      case 'answerLost':
        return void this.#fates.push(kind);
      case 'pause':
        return this.#pause();
      case 'resume':
        this.#ioError = false;
        for (const write of this.#held.splice(0)) write();
        return void (await this.#hypervisor.resume());
      case 'ioError':
        if (this.#domain.qemu()?.queryStatus() === 'running') this.#ioError = true;
        return;
      default:
        return this.#spoil(kind, pick);
    }
  }

  async end(): Promise<void> {
    this.#fates.length = 0;
    if (this.#ioError) await this.take({ kind: 'resume', pick: 0, at: 0 });
    await this.#pause();
    await this.#round();
    if (this.#isTracked) this.#proveSame();
    await this.#hypervisor.release(owner);
    this.#proveStrangers();
  }

  #newDisk(grains: number) {
    this.#names += 1;
    const id = diskId(`vd${'abcdefgh'.charAt(this.#names - 1)}`);
    return proceduralDisk({ id, seed: this.#names, size: bytes(grains * grain - 1_536) });
  }

  #disks() {
    return this.#hardware.disks().map(({ disk }) => disk);
  }

  /** The guest does something while others do. */
  #now(): void {
    this.#count += 1;
    if (this.#count % 3 === 0) this.#write(this.#count, this.#count * 7);
  }

  #write(pick: number, at: number): void {
    const disk = this.#disks()[pick % Math.max(1, this.#disks().length)];
    if (!disk || this.#hardware.power() !== 'running') return;
    const first = at % disk.versions.length;
    const write = (): void => disk.write(first, Math.min(disk.versions.length - first, 1 + (pick % 3)));
    // The guest was told that it is done; it is not on the disk.
    if (this.#ioError) this.#held.push(write);
    else write();
  }

  async #copyAll(): Promise<void> {
    this.#isTracked = false;
    this.#number += 1;
    if (!(await this.#hypervisor.release(owner)).ok) return;
    const begun = await this.#hypervisor.beginMark(mark(this.#number));
    if (!begun.ok) return;
    this.#spoilt = undefined;
    this.#copy.clear();
    for (const disk of this.#disks()) this.#copy.set(disk.id, disk.versions.slice());
    this.#begunOn = this.#sight();
    this.#isTracked = true;
  }

  /** A round as the port has it: the next mark, what the last one recorded, and the last one goes. */
  async #round(): Promise<void> {
    if (!this.#isTracked) return this.#copyAll();
    const [from, to] = [mark(this.#number), mark(this.#number + 1)];
    const advanced = await this.#hypervisor.advanceMark(from, to);
    if (!this.#isHeld(advanced)) return advanced.ok || isLoss(advanced) ? this.#copyAll() : undefined;
    for (const disk of this.#disks()) {
      const opened = await this.#hypervisor.openDisk(disk.id, from);
      if (!this.#isHeld(opened)) return isLoss(opened) ? this.#copyAll() : undefined;
      this.#copyChanges(disk.id, opened.ok && opened.value.type === 'nbd' ? opened.value.changesContext : undefined);
    }
    const closed = await this.#hypervisor.closeDisks();
    if (!closed.ok) return;
    this.#number += 1;
    await this.#hypervisor.dropMark(from);
    if (this.#hardware.power() !== 'running') this.#proveSame();
  }

  #copyChanges(id: DiskId, context: string | undefined): void {
    const node = this.#domain
      .qemu()
      ?.queryNamedBlockNodes()
      .find(({ nodeName }) => nodeName === id);
    const bitmap = node?.dirtyBitmaps.get(context?.replace('qemu:dirty-bitmap:', '') ?? '');
    if (!node || !bitmap) return;
    const copy = this.#copy.get(id);
    for (const { start, length } of bitmap.extents(node.disk.size))
      for (let at = start / sector; at * sector < start + length; at += 1) {
        const version = node.disk.versions[at];
        if (copy && version !== undefined) copy[at] = version;
      }
  }

  async #look(): Promise<void> {
    if (!this.#isTracked) return;
    const changes = await this.#hypervisor.changes(mark(this.#number));
    this.#isHeld(changes);
  }

  #sight(): string {
    return this.#disks()
      .map(({ id, size }) => `${id} ${size}`)
      .join();
  }

  /** Whether it went well, and whether it may have. */
  #isHeld(answer: Result<unknown, { readonly type: string }>): boolean {
    const spoilt = this.#spoilt ?? (this.#sight() === this.#begunOn ? undefined : 'its disks are others');
    if (answer.ok && spoilt !== undefined) this.#wrong(`L6 the mark is taken for whole, and ${spoilt}`);
    if (isLoss(answer) && spoilt === undefined) this.#wrong('L6 a mark is called lost, and nothing happened to it');
    return answer.ok;
  }

  async #pause(): Promise<void> {
    const paused = await this.#hypervisor.pause();
    if (paused.ok && this.#held.length > 0)
      this.#wrong('L5 the guest is at rest, and what it wrote is not on its disks');
    if (paused.ok && this.#hardware.power() === 'running') this.#wrong('the guest is called at rest, and runs');
  }

  /** Of a guest that stands still the copy is what its disks are. */
  #proveSame(): void {
    for (const disk of this.#disks()) {
      const copy = this.#copy.get(disk.id);
      const at = disk.versions.findIndex((version, index) => version !== copy?.[index]);
      if (at >= 0) this.#wrong(`L5 sector ${at} of ${disk.id} is not in the copy`);
    }
  }

  #proveStrangers(): void {
    const names = this.#domain
      .qemu()
      ?.queryNamedBlockNodes()
      .flatMap(({ dirtyBitmaps }) => [...dirtyBitmaps.keys()]);
    for (const name of this.#strangers.keys())
      if (names?.includes(name) !== true) this.#wrong(`L15 ${name} is gone, which is somebody else's`);
    const ours = names?.filter((name) => !this.#strangers.has(name)) ?? [];
    if (ours.length > 0) this.#wrong(`L15 ${ours.join(', ')} is left behind`);
  }

  #spoil(kind: Exclude<KvmTurn['kind'], 'write' | 'round' | 'look'>, pick: number): void {
    const disk = this.#disks()[pick % Math.max(1, this.#disks().length)];
    const qemu = this.#domain.qemu();
    switch (kind) {
      case 'restart':
        this.#hardware.setPower('off');
        this.#held = [];
        this.#ioError = false;
        this.#strangers.clear();
        this.#spoilt ??= 'QEMU was started anew';
        return this.#domain.create();
      case 'moves':
        this.#strangers.clear();
        this.#spoilt ??= 'the VM was moved';
        return this.#domain.migrate();
      case 'forget':
      case 'spoil':
        return this.#spoilBitmaps(kind, disk?.id ?? '');
      case 'grow':
        return disk && this.#domain.blockResize(disk.id, bytes(disk.size + grain));
      case 'add':
        if (this.#names >= 6) return;
        return this.#domain.attachDisk({ disk: this.#newDisk(2), untracked: undefined });
      case 'remove':
        if (!disk || this.#disks().length < 2) return;
        for (const [name, node] of this.#strangers) if (node === disk.id) this.#strangers.delete(name);
        return this.#domain.detachDisk(disk.id);
      case 'strangers':
        if (!disk || !qemu) return;
        return this.#plant(disk.id, pick);
      default:
    }
  }

  #spoilBitmaps(kind: 'forget' | 'spoil', id: string): void {
    const qemu = this.#domain.qemu();
    for (const { nodeName, dirtyBitmaps } of qemu?.queryNamedBlockNodes() ?? [])
      for (const bitmap of [...dirtyBitmaps.values()]) {
        if (nodeName !== id || this.#strangers.has(bitmap.name)) continue;
        if (kind === 'spoil') [bitmap.inconsistent, bitmap.recording] = [true, false];
        else qemu?.bitmapLost(nodeName, bitmap.name);
        this.#spoilt ??= 'a bitmap is gone, or worth nothing';
      }
  }

  /** A backup has a bitmap, and somebody else one with a name close to ours. */
  #plant(node: DiskId, pick: number): void {
    const size = bytes(pick * grain);
    const name = pick % 2 === 0 ? `backup-${pick}` : formatMarkName({ owner: 'mm', number: pick, size, disks: 1 });
    if (this.#strangers.has(name)) return;
    const added = { type: 'block-dirty-bitmap-add', node, name, granularity: grain, persistent: false } as const;
    if (this.#domain.qemu()?.transaction([added]).ok === true) this.#strangers.set(name, node);
  }

  #wrong(why: string): never {
    const { disks, writesBetween } = this.#walk;
    const given = `given disks of ${disks.join(', ')} grains${writesBetween ? ', of a QEMU that holds no writes back' : ''}`;
    throw new Error([why, given, ...this.#story].join('\n'));
  }
}

const isLoss = (answer: Result<unknown, { readonly type: string }>): boolean =>
  !answer.ok && answer.error.type === 'TrackingLost';
