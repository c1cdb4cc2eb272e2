import type { DiskId } from '#core/ids';
import type { SourceHypervisor } from '#core/ports/source-hypervisor';
import type { SourcePower } from '#core/ports/source-power';
import type { Rng } from '#core/rng';
import type { Bytes, Instant } from '#core/units';
import type { DiskContent } from '#simulator/block/disk/disk-content';
import type { HardwareDisk, VirtualHardware } from '#simulator/endpoints/hardware';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import type { ConnectorOptions } from './connector.ts';
import type { ShownDisk, SimulatedExports } from './exports.ts';
import type { SimulatedHost } from './host.ts';
import { simulatedMachine, type SimulatedMachine } from './machine.ts';
import { parseExportName } from './names.ts';
import { trackingLosses } from './tracking-losses.ts';

/** A source VM of a world: its machine, the ports it is migrated through, what may befall it, and who has seen it all. */
export interface SimulatedSource {
  readonly machine: SimulatedMachine;
  /** A connector, as a process makes one. Nothing in it remembers anything about the VM. */
  hypervisor(options: ConnectorOptions): SourceHypervisor;
  power(options: ConnectorOptions): SourcePower;
  readonly faults: SourceFaults;
  readonly witness: SourceWitness;
}

/** What may befall a source VM. */
export interface SourceFaults {
  host(): SimulatedHost;
  /** The process that runs the VM dies, and the guest with it. What was written stays, flushed or not. */
  crashHypervisor(): void;
  /**
   * The VM is started on another host, because the one it was on lost its power. Nothing if it runs or was off. With
   * `keepsTracking: false` by another site, from what it has of the disks.
   */
  restartElsewhere(to: SimulatedHost, options?: { readonly keepsTracking?: boolean }): void;
  /** The VM goes to another host while it runs. With `keepsTracking: false` what tracks its changes stays behind. */
  migrate(to: SimulatedHost, options?: { readonly keepsTracking?: boolean }): void;
  /** What tracks changes is gone, or, `withError`, still there and worthless. */
  forgetMarks(how: 'silently' | 'withError'): void;
  /** Somebody else makes marks, one of them with a name close to ours. */
  plantForeign(owner: string): void;
  addDisk(disk: HardwareDisk): void;
  removeDisk(disk: DiskId): void;
  /** `false` if the hypervisor does not let it happen now. */
  growDisk(disk: DiskId, size: Bytes): boolean;
  /** Why the VM cannot be powered off, while it cannot; undefined ends it. */
  refusePowerOff(why: string | undefined): void;
  /** Why a disk takes no new marks, while it does not; undefined ends it. */
  refuseTracking(disk: DiskId, why: string | undefined): void;
}

/** What is known of a source beside any log. */
export interface SourceWitness {
  disksNow(): readonly DiskId[];
  /** Roots of the disks as they are now. */
  rootsNow(): ReadonlyMap<DiskId, string>;
  /** Roots of the disks when the guest last stopped running, however; undefined if it never did. */
  rootsAtRest(): ReadonlyMap<DiskId, string> | undefined;
  /**
   * When the mark that recorded for `owner` was last lost, noticed or not. One that was begun anew before anything was read
   * is not counted.
   */
  trackingLostAt(owner: string): Instant | undefined;
  /** What `owner` has at the source: marks, snapshots, exports, by name. */
  leftovers(owner: string): readonly string[];
  /** All marks, snapshots and exports, whoever made them, by name. */
  traces(): readonly string[];
  /** What others made, as it is now. */
  foreign(): readonly string[];
  /** What others made and somebody has touched, not counting what faults did to it. */
  foreignTouched(): readonly string[];
}

/** How a source is made. */
export interface SourceOptions {
  readonly name: string;
  readonly disks: readonly HardwareDisk[];
  readonly host: SimulatedHost;
  readonly clock: SimulatedClock;
  readonly rng: Rng;
  readonly exports: SimulatedExports;
  /** Hears of what chance decided and is worth telling. */
  readonly note?: (label: string, value: string | number | boolean) => void;
  /** The address of an export of this VM. Default: NBD on a host that is named after the VM. */
  readonly uriOf?: (exportName: string) => string;
}

/** A mark, snapshot or export at a source. */
export interface Trace {
  readonly name: string;
  /** Undefined: nobody's, as far as names say. */
  readonly owner: string | undefined;
  /** What of it would be different if somebody had touched it. */
  readonly state: string;
}

/** What a vendor's model adds: its own words for what every source can do. */
export interface VendorVm {
  readonly hardware: VirtualHardware;
  start(): void;
  stop(): void;
  panic(): void;
  crash(): void;
  /** What is lost beside disks and power when the host loses its power. */
  hostLost(): void;
  migrated(keepsTracking: boolean): void;
  forget(how: 'silently' | 'withError'): void;
  plantForeign(owner: string): void;
  attach(disk: HardwareDisk): void;
  detach(disk: DiskId): void;
  grow(disk: DiskId, size: Bytes): boolean;
  refusePowerOff(why: string | undefined): void;
  refuseTracking(disk: DiskId, why: string | undefined): void;
  traces(): readonly Trace[];
  /** The highest mark of each owner that is whole on all disks, so that it can be trusted. */
  recording(): ReadonlyMap<string, number>;
}

/** Where the VM of a source runs, for its connectors. */
export interface Placed {
  host(): SimulatedHost;
  /** Shows a disk under the name of an export of this VM, so that the witness knows of it. The address to read it from. */
  show(exportName: string, disk: ShownDisk): string;
  /** Does what ends tracking on purpose, such as powering off, so that the witness knows of it. */
  readonly strike: <T>(act: () => T) => T;
}

/** Makes a source of a vendor's VM, which is started. */
export function simulatedSource(
  options: SourceOptions,
  vm: VendorVm,
  connectors: (placed: Placed) => Pick<SimulatedSource, 'hypervisor' | 'power'>,
): SimulatedSource {
  const { hardware } = vm;
  const seen = observed(vm, options.clock);
  const home = residence(options, vm, seen);
  const uriOf = options.uriOf ?? ((exportName) => `nbd://${options.name}:10809/${exportName}`);
  vm.start();
  return {
    machine: simulatedMachine(hardware, {
      start: () => home.host().isUp() && vm.start(),
      stop: () => seen.strike(() => vm.stop()),
      panic: () => vm.panic(),
    }),
    ...connectors({
      host: home.host,
      show(exportName, disk) {
        const owner = parseExportName(exportName)?.owner;
        if (owner !== undefined) seen.opened(owner);
        const uri = uriOf(exportName);
        options.exports.show(uri, disk);
        return uri;
      },
      strike: seen.strike,
    }),
    witness: seen.witness,
    faults: {
      host: home.host,
      crashHypervisor: () => seen.strike(() => vm.crash()),
      restartElsewhere: (to, { keepsTracking = true } = {}) =>
        home.restartAt(to, () => {
          if (!keepsTracking) seen.strike(() => vm.migrated(false));
        }),
      migrate(to, { keepsTracking = true } = {}) {
        if (hardware.power() === 'off' || !to.isUp() || !home.host().isUp()) return;
        home.moveTo(to);
        seen.strike(() => vm.migrated(keepsTracking));
      },
      forgetMarks: (how) => seen.strike(() => vm.forget(how)),
      plantForeign(owner) {
        const before = new Set(vm.traces().map((trace) => trace.name));
        vm.plantForeign(owner);
        for (const trace of vm.traces()) if (!before.has(trace.name)) seen.planted(trace);
      },
      addDisk: (disk) => vm.attach(disk),
      removeDisk: (disk) => seen.strike(() => vm.detach(disk), { isLoss: false }),
      growDisk: (disk, size) => vm.grow(disk, size),
      refusePowerOff: (why) => vm.refusePowerOff(why),
      refuseTracking: (disk, why) => vm.refuseTracking(disk, why),
    },
  };
}

interface Residence {
  host(): SimulatedHost;
  moveTo(to: SimulatedHost): void;
  /** Starts a VM elsewhere that was on when its host lost its power. */
  restartAt(to: SimulatedHost, before: () => void): void;
}

/** Has a VM live on a host, with which it goes down and comes back. */
function residence({ name, note, rng, host: first }: SourceOptions, vm: VendorVm, seen: Observed): Residence {
  const { hardware } = vm;
  const powerLosses = rng.fork(`power losses of ${name}`);
  let losses = 0;
  let wasOn = false;
  let host = first;
  const comeBack = (): void => {
    if (wasOn && hardware.power() === 'off') vm.start();
    wasOn = false;
  };
  const losePower = (): void => {
    wasOn = hardware.power() === 'running' || hardware.power() === 'paused';
    losses += 1;
    seen.strike(() => {
      hardware.losePower(powerLosses.fork(String(losses)));
      vm.hostLost();
    });
    note?.(`${name} lost its power with`, host.name);
  };
  const hosted = { losePower, comeBack };
  let leave = host.carry(hosted);
  const moveTo = (to: SimulatedHost): void => {
    leave();
    host = to;
    leave = to.carry(hosted);
  };
  return {
    host: () => host,
    moveTo,
    restartAt(to, before) {
      if (!wasOn || !to.isUp()) return;
      moveTo(to);
      before();
      comeBack();
    },
  };
}

interface Observed {
  readonly witness: SourceWitness;
  strike<T>(act: () => T, options?: { readonly isLoss: boolean }): T;
  planted(trace: Trace): void;
  /** `owner` opens a disk for reading. */
  opened(owner: string): void;
}

/** Sees everything that befalls a source. */
function observed(vm: VendorVm, clock: SimulatedClock): Observed {
  const { hardware } = vm;
  const losses = trackingLosses();
  const touched = new Set<string>();
  let expected = new Map<string, string>();
  let atRest: ReadonlyMap<DiskId, DiskContent> | undefined;
  let before = hardware.power();
  hardware.onPower((power) => {
    if (before === 'running') atRest = contents((disk) => disk.snapshot());
    before = power;
  });
  const contents = <T>(of: (disk: HardwareDisk['disk']) => T): ReadonlyMap<DiskId, T> =>
    new Map(hardware.disks().map(({ disk }) => [disk.id, of(disk)]));
  const foreignNow = (): Map<string, string> =>
    new Map(vm.traces().flatMap(({ name, state }) => (expected.has(name) ? [[name, state] as const] : [])));
  const look = (): void => {
    const now = foreignNow();
    for (const [name, state] of expected) if (now.get(name) !== state) touched.add(name);
  };
  return {
    planted: ({ name, state }) => void expected.set(name, state),
    opened: (owner) => losses.opened(owner, vm.recording()),
    strike(act, { isLoss } = { isLoss: true }) {
      look();
      const recording = vm.recording();
      const came = act();
      if (isLoss) losses.struck(recording, vm.recording(), clock.now());
      expected = foreignNow();
      return came;
    },
    witness: {
      disksNow: () => hardware.disks().map(({ disk }) => disk.id),
      rootsNow: () => contents((disk) => disk.root()),
      rootsAtRest: () => atRest && new Map([...atRest].map(([id, content]) => [id, content.root()])),
      trackingLostAt: (owner) => losses.lastOf(owner, vm.recording()),
      leftovers: (owner) => namesOf(vm.traces().filter((trace) => trace.owner === owner)),
      traces: () => namesOf(vm.traces()),
      foreign: () => [...foreignNow()].map(([name, state]) => `${name}: ${state}`),
      foreignTouched() {
        look();
        return [...touched];
      },
    },
  };
}

const namesOf = (traces: readonly Trace[]): readonly string[] => traces.map(({ name }) => name).toSorted();
