import type { Clock } from '#core/clock';
import type { Rng } from '#core/rng';
import { GiB, minutes, seconds } from '#core/units';
import type { LaunchSite } from '#replicator/live/launch/launch-site';
import { simulatedFixUp, type FixUpStep } from '#simulator/block/target/fix-up';
import { overlayStore, type OverlayStore, type ReplicaBytes } from '#simulator/block/target/overlay-store';
import { simulatedPlatform } from '#simulator/block/target/platform';
import { targetGuests, type TargetGuests } from '#simulator/block/target/target-guests';
import { vcenter, type Vcenter } from '#simulator/endpoints/vsphere/vcenter';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { replicaFolder } from './appliances.ts';
import type { WorldVm } from './block-vm.ts';
import { boundClock } from './bound.ts';
import type { NoteDecision } from './decisions.ts';
import type { SimulatedVolume } from '#simulator/block/files/volume';
import type { SimulatedProcess } from '#simulator/block/process';
import type { Sentinels } from './sentinels.ts';
import type { VmCalls } from './vm-calls.ts';

/** What is at the target: a vCenter, and overlays beside the replicas. They outlive every process of ours. */
export interface TargetSide {
  readonly vsphere: Vcenter;
  readonly guests: TargetGuests;
  /** What there is of one VM; made once. */
  of(vm: WorldVm, calls: VmCalls): VmTarget;
}

/** What there is of one VM, for whichever manager runs. */
export interface VmTarget {
  readonly site: Omit<LaunchSite, 'power' | 'agent'>;
  /** Paths of overlays and copies that are there. */
  images(): readonly string[];
  /** Its next fix-up fails at this step. */
  failFixUp(step: FixUpStep): void;
  /** It hangs when it is started the next time. */
  failBoot(): void;
}

/** What the target is made of. */
export interface TargetSideOptions {
  readonly clock: SimulatedClock;
  readonly rng: Rng;
  readonly note: NoteDecision;
  readonly volume: SimulatedVolume;
  readonly writesPerMinute: number;
  /** The process that calls, whichever it is by now. */
  readonly caller: () => SimulatedProcess;
  /** The sentinels that live in its guests. */
  readonly sentinels: Pick<Sentinels, 'begin' | 'end'>;
  /** Anything of a VM has changed. */
  readonly onChange: () => void;
}

/** The port group of production. */
export const productionNetwork = 'VM Network';
const isolated = 'isolated';
const datastore = 'datastore-1';
// Longer than anybody waits for a guest to boot.
const hang = minutes(600);

/** Sets the target up. */
export function targetSide(options: TargetSideOptions): TargetSide {
  const { clock, rng, note, writesPerMinute, onChange } = options;
  const stores = new Map<string, OverlayStore>();
  const hanging = new Set<string>();
  const diskOf = (path: string) => [...stores.values()].map((store) => store.disk(path)).find((disk) => disk);
  const guests = targetGuests({
    ...{ store: { disk: diskOf }, clock, rng: rng.fork('target guests'), writesPerMinute, note },
    onUp: (vm, guest) => options.sentinels.begin(vm.replace(/-test$/, ''), `target-${vm}`, guest),
    onGone: (guest) => options.sentinels.end(guest),
    freezes: (vm) => (hanging.delete(vm.replace(/-test$/, '')) ? hang : undefined),
  });
  const vsphere = vcenter({
    ...{ clock, rng: rng.fork('vsphere'), start: guests.start, onChange, note },
    hasImage: (path) => diskOf(path) !== undefined,
    hosts: ['esx-1', 'esx-2', 'esx-3'].map((name) => ({ name, memory: 64 * GiB })),
    datastores: [{ name: datastore, capacity: 1_024 * GiB }],
    networks: [productionNetwork, isolated],
  });
  const side: Side = { ...options, stores, guests, vsphere, hanging };
  return {
    ...{ vsphere, guests },
    of: (vm, calls) => vmTarget(side, vm, calls),
  };
}

interface Side extends TargetSideOptions, Pick<TargetSide, 'vsphere' | 'guests'> {
  readonly stores: Map<string, OverlayStore>;
  readonly hanging: Set<string>;
}

function vmTarget(side: Side, vm: WorldVm, calls: VmCalls): VmTarget {
  const { caller, rng, note, vsphere } = side;
  const { name } = vm.spec;
  // Time as the process has it that is at work by now.
  const clock: Clock = {
    now: () => side.clock.now(),
    wait: (duration, signal) => boundClock(side.clock, caller()).wait(duration, signal),
  };
  const store = overlayStore({ replicas: replicasOn(side.volume), call: calls.ofPrograms(caller) });
  side.stores.set(name, store);
  let failing: FixUpStep | undefined;
  const fails = (step: FixUpStep): string | undefined => {
    if (step !== failing) return undefined;
    failing = undefined;
    return 'the appliance ran out of memory';
  };
  return {
    site: {
      target: simulatedPlatform({
        ...{ vcenter: vsphere, clock, datastore, isolated },
        call: calls.ofOthers(caller, `vcenter for ${name}`),
      }),
      fixUp: simulatedFixUp({ store, clock, rng: rng.fork(`fix-up of ${name}`), note, fails }),
      overlays: store.overlays,
      policy: { timeout: minutes(2), keep: [], before: [], after: [] },
      hardware: { controller: 'pvscsi', nicModel: 'vmxnet3' },
      network: productionNetwork,
      checks: [
        { id: 'booted', kind: 'booted', timeout: seconds(60), mustSucceed: true },
        { id: 'ledger', kind: 'service', unit: 'ledger', timeout: seconds(30), mustSucceed: true },
      ],
      ...{ bootMax: minutes(5), powerOffMax: seconds(30) },
    },
    images: () => store.paths(),
    failFixUp: (step) => (failing = step),
    failBoot: () => side.hanging.add(name),
  };
}

/** What a receiver has written, by the names of its replicas. */
export const replicasOn = (volume: Pick<SimulatedVolume, 'part' | 'size'>): ReplicaBytes => ({
  read: (path: string, at: number, length: number) =>
    volume.part(`${replicaFolder}/${path}`, at, length) ?? new Uint8Array(length),
  size: (path: string) => volume.size(`${replicaFolder}/${path}`) ?? 0,
  exists: (path: string) => volume.size(`${replicaFolder}/${path}`) !== undefined,
});
