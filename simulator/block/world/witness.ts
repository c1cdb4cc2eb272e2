import type { StreamId } from '#core/event-log/event-log';
import type { DiskId, MigrationId } from '#core/ids';
import type { Witness } from '#core/laws/law';
import type { MigrationFact } from '#core/migration/facts';
import { digestBlockWith, digestsOf } from '#replicator/pipeline/digest';
import { digestsPerPage, hashPage, rootOver } from '#replicator/pipeline/merkle';
import { targetOf } from '#replicator/live/target-place';
import { replicaFolder } from './appliances.ts';
import { viaOf, type WorldVm } from './block-vm.ts';
import type { SimulatedVolume } from '#simulator/block/files/volume';
import { productionNetwork, type TargetSide } from './target-side.ts';

/** What the judge of a world knows beside the log, and what it sees for itself. */
export interface BlockWitness extends Witness {
  /** Looks at what has just become a fact. */
  saw(migration: MigrationId, fact: MigrationFact): void;
}

/** Whom a witness watches. */
export interface WitnessOptions {
  readonly vms: ReadonlyMap<MigrationId, WorldVm>;
  readonly volume: SimulatedVolume;
}

/** A witness that has seen nothing yet. It reads disks by itself, and asks nobody who replicated them. */
export function blockWitness({ vms, volume }: WitnessOptions): BlockWitness {
  /** What the disks of a VM held when its guest came to rest. */
  const atRest = new Map<MigrationId, ReadonlyMap<DiskId, string>>();
  const of = (stream: StreamId): WorldVm | undefined => vms.get(stream.slice('migration-'.length) as MigrationId);
  const named = (vm: WorldVm, roots: readonly string[]): ReadonlyMap<DiskId, string> =>
    new Map(vm.disks.map((disk, index) => [disk, roots[index] ?? '']));
  return {
    saw(migration, { type }) {
      const vm = vms.get(migration);
      if (type === 'SourceQuiesced' && vm)
        atRest.set(
          migration,
          named(
            vm,
            vm.source.machine.disks.map((disk) => disk.root()),
          ),
        );
    },
    sourceRoots: (stream) => {
      const vm = of(stream);
      return vm && atRest.get(vm.migration);
    },
    replicaRoots: (stream) => {
      const vm = of(stream);
      if (!vm) return undefined;
      const place = { type: 'receiver', migration: vm.migration } as const;
      return named(
        vm,
        vm.disks.map((disk) => rootOf(volume.content(`${replicaFolder}/${targetOf(place, disk)}`))),
      );
    },
    disksNow: (stream) => {
      const vm = of(stream);
      if (!vm) return undefined;
      // Disks that were there from the start have the names of the plan; others have their own.
      return vm.source.witness.disksNow().map((disk, index) => vm.disks[index] ?? disk);
    },
    trackingLostAt: (stream) => {
      const vm = of(stream);
      return vm && viaOf(vm.spec) === 'hypervisor' ? vm.source.witness.trackingLostAt(vm.migration) : undefined;
    },
    leftovers: (stream) => {
      const vm = of(stream);
      return vm ? vm.source.witness.leftovers(vm.migration) : [];
    },
    foreignTouched: (stream) => of(stream)?.source.witness.foreignTouched() ?? [],
  };
}

const digestBlock = digestBlockWith('xxh64');

/** The root of a replica as it is read now; empty if there is none. */
function rootOf(content: Uint8Array | undefined): string {
  if (!content) return '';
  const digests = digestsOf(content, digestBlock);
  const pages: Uint8Array[] = [];
  for (let at = 0; at < digests.length; at += digestsPerPage) {
    const page = new BigUint64Array(digestsPerPage);
    page.set(digests.subarray(at, at + digestsPerPage));
    pages.push(hashPage(page));
  }
  return rootOver(pages, content.length);
}

/** Why a VM may be written to by two at once: its source and its target both run and talk. */
export function bothConnected(vm: WorldVm, { vsphere }: TargetSide): string | undefined {
  const { machine } = vm.source;
  if (machine.power() !== 'running' || !machine.nicsConnected) return undefined;
  const target = vsphere.find(vm.spec.name);
  const talks = target?.config.nics.some(({ connected, network }) => connected && network === productionNetwork);
  if (!target || target.powerState !== 'poweredOn' || !talks) return undefined;
  return `the source of ${vm.spec.name} runs connected beside its target`;
}
