import type { Clock } from '#core/clock';
import type { DiskId } from '#core/ids';
import type { Rng } from '#core/rng';
import { err, ok, type Result } from '#core/result';
import { bytes, KiB, millis, seconds } from '#core/units';
import type { AgentMachine } from '#replicator/sentinel/agent/agent-machine';
import { enterStage } from '#replicator/sentinel/agent/enter-stage';
import type { GuestServices } from '#replicator/sentinel/agent/guest-services';
import type { Installation } from '#replicator/sentinel/agent/installation';
import { servicesOver } from '#replicator/sentinel/agent/services-over';
import type { Silence } from '#replicator/sentinel/data-connection/data-stream';
import { plainMemory, type AlignedMemory } from '#replicator/sentinel/disks/aligned-memory';
import { stagePath } from '#replicator/sentinel/stage/stage-file';
import { trackerOver } from '#replicator/sentinel/tracking/tracker';
import type { SimulatedProcess } from '#simulator/block/process';
import { inventoryOf } from '#simulator/block/target/guest-inventory';
import { hasSentinel, sentinelUnit } from './installed-sentinel.ts';
import { collectedMemory, type MemorySource } from '#simulator/block/world-memory';
import type { RunningGuest } from '#simulator/endpoints/guest/running-guest';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { guestDevices, type GuestDevicesOptions } from './guest-devices.ts';
import { guestFiles } from './guest-files.ts';
import type { GuestKernel } from './guest-kernel.ts';
import { guestProcess, type GuestProcess } from './guest-process.ts';
import { guestRest } from './guest-rest.ts';

/** What a sentinel of production is run with in a guest of the block world. */
export interface SimulatedSentinelOptions extends Pick<GuestDevicesOptions, 'readFails' | 'refusesDirect'> {
  /** One that is up. */
  readonly guest: RunningGuest;
  /** Of this boot. It outlives a sentinel that is killed and started again. */
  readonly kernel: GuestKernel;
  /** Killed with its guest, or alone: whatever it was doing stops where it stood. */
  readonly process: SimulatedProcess;
  readonly clock: SimulatedClock;
  readonly rng: Rng;
  readonly memory?: MemorySource;
  readonly version?: string;
  /** Why the guest does not come to rest just now, if it does not. */
  readonly refusesRest?: () => string | undefined;
  /** How data connections are kept alive, if not as always. */
  readonly silence?: Silence;
  /** Why the kernel's tracing cannot be used, if it cannot. */
  readonly noTracing?: string;
  readonly log?: (line: string) => void;
}

/** What `startAgent` takes of a guest of the block world, beside its identity and its way to the gateway. */
export interface SimulatedSentinelParts {
  readonly services: GuestServices;
  readonly installation: Installation;
  readonly machine: AgentMachine;
  readonly version: string;
  readonly bootId: string;
  readonly clock: Clock;
}

/**
 * Virtual time is not cheap enough for four looks a second: the buffers hold what a guest writes in so long.
 * @differs Buffers of the kernel are looked at every 20 s, where a real sentinel looks four times a second, and hold as much less.
 */
const lookEvery = seconds(20);
const pieces = 16;
const pieceLength = 1_024 * KiB;

/**
 * Begins a sentinel as its `main` does: looks whether this is a replica and finishes inside it, and makes the services
 * of production. Undefined where none runs on: no sentinel is installed, its word cannot be read, or this is a test, in
 * which it is silent once it has said what it had to.
 * @differs The inventory is made of the model of the guest; a real sentinel reads it from lsblk, /proc and /sys.
 */
export async function simulatedSentinelParts(
  options: SimulatedSentinelOptions,
): Promise<SimulatedSentinelParts | undefined> {
  const { guest, kernel, version = '1.0.0', log = () => undefined } = options;
  if (!hasSentinel(guest)) return undefined;
  const rng = options.rng.fork(`sentinel at ${options.clock.now()}`);
  const process = guestProcess(guest, options.process, options.clock);
  const { clock, bound } = process;
  const system = guestFiles(process, rng);
  const entrance = await enterStage(system, clock, log);
  if (!entrance.ok) log(entrance.error);
  if (!entrance.ok || entrance.value.stage === 'test') return undefined;
  const tracker = trackerOver({
    clock,
    listDisks: bound(() => kernel.disks()),
    tracing: options.noTracing === undefined ? ok(kernel.tracing) : err(options.noTracing),
    lookEveryMs: lookEvery,
  });
  const services = await servicesOver({
    ...{ system, clock, version, tracker, entrance: entrance.value, rest: guestRest(process, options.refusesRest) },
    ...(options.silence && { silence: options.silence }),
    newPassword: () => rng.uuid(),
    reading: { ...guestDevices({ ...options, process, rng }), memory: readMemory(options.memory) },
    survey: bound(async () => {
      const found = new Map<DiskId, Tracked>((await tracker.disks()).map((disk) => [disk.id, disk]));
      const unknown = { possible: false, why: 'it is no disk that is read' } as const;
      return inventoryOf(guest, version, (disk) => found.get(disk)?.tracking ?? unknown);
    }),
  });
  const machine = machineOf(guest, rng);
  return {
    services,
    installation: installationIn(process, options.process),
    machine,
    version,
    bootId: guest.bootId,
    clock,
  };
}

/** What disks are read into. A sentinel that is killed gives nothing back. */
const readMemory = (memory = collectedMemory): AlignedMemory =>
  plainMemory(pieces, pieceLength, (length) => memory.take(length));

type Tracked = Awaited<ReturnType<ReturnType<typeof trackerOver>['disks']>>[number];

/** A machine on which nobody waits for anything. */
const machineOf = (guest: RunningGuest, rng: Rng): AgentMachine => {
  const { memory, processors } = guest.hardware;
  return {
    hostname: () => guest.installed()?.hostname ?? '',
    vitals: () => ({
      load: 0,
      processors,
      memory: { total: bytes(memory), available: bytes(Math.floor(memory / 2)) },
      own: { memory: bytes(59 * KiB * KiB), cpu: millis(0) },
    }),
    pressure: async () => 0,
    newRun: () => rng.fork('run').uuid(),
  };
};

const uninstallTakes = seconds(2);

/** @differs A sentinel of the block world is never upgraded; uninstalling takes its unit and stage two's word out of the guest, at once. */
function installationIn({ guest, bound, clock }: GuestProcess, process: SimulatedProcess): Installation {
  const refused = (operation: string, detail: string) => err({ type: 'Refused', operation, detail } as const);
  return {
    onReplaced: undefined,
    takePart: () => refused('upgradePart', 'it was not installed by a bundle'),
    replaceWith: async () => refused('upgrade', 'it was not installed by a bundle'),
    uninstall: bound((): Result<void, ReturnType<typeof refused>['error']> => {
      const isDone = guest.change(({ files: { [stagePath]: _stage, ...files }, ...system }) => ({
        ...system,
        files,
        present: system.present.filter((path) => path !== sentinelUnit),
      }));
      if (!isDone) return refused('uninstall', 'the root is read-only');
      // It ends us, and goes on: whoever asked hears of it before.
      void clock.wait(uninstallTakes).then(() => process.kill());
      return ok(undefined);
    }),
  };
}
