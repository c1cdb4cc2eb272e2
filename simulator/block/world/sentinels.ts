import type { DiskId, SentinelId } from '#core/ids';
import { sentinelId } from '#core/ids';
import type { Rng } from '#core/rng';
import { after, millis, minutes, seconds, type Millis } from '#core/units';
import type { GuestNetwork } from '#replicator/protocol/guest-network';
import { startAgent } from '#replicator/sentinel/agent/agent';
import type { IdentityFiles } from '#replicator/sentinel/identity/identity-files';
import { simulatedIdentities } from '#simulator/block/network/simulated-identities';
import type { SimulatedNetwork } from '#simulator/block/network/simulated-network';
import { simulatedProcess, type SimulatedProcess } from '#simulator/block/process';
import { guestKernel, type GuestKernel } from '#simulator/block/target/sentinel/guest-kernel';
import { guestProcess, type GuestProcess } from '#simulator/block/target/sentinel/guest-process';
import { simulatedSentinelParts } from '#simulator/block/target/sentinel/sentinel-parts';
import { hasSentinel } from '#simulator/block/target/sentinel/installed-sentinel';
import type { MemorySource } from '#simulator/block/world-memory';
import type { RunningGuest } from '#simulator/endpoints/guest/running-guest';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { watchedGuestNetwork } from './watched-guest-network.ts';

/*
 * The sentinels of a world: in each guest that has one installed the agent of production runs as a process. It begins when its
 * guest is up, dies with it, and is started again by its init system when it dies alone. The guests of a source and of its
 * replica are the same sentinel: the replica has its identity on its disks.
 */

/** What sentinels are made of. */
export interface SentinelsOptions {
  readonly clock: SimulatedClock;
  readonly rng: Rng;
  readonly network: SimulatedNetwork;
  readonly memory: MemorySource;
  /** Whether writes to a disk of a VM can be tracked. */
  readonly hasRequests: (vm: string, disk: DiskId) => boolean;
  /** Why a part of a disk of a VM cannot be read just now. */
  readonly readFails: (vm: string, at: number) => string | undefined;
  /** Asked whenever bytes arrive at a sentinel, before it sees them: whether it dies of it. */
  readonly diesOf: () => boolean;
  /** Our own code found itself to be wrong. */
  readonly onCrash: (error: unknown) => void;
}

/** The sentinels of all VMs. */
export interface Sentinels {
  /** A guest of a VM is up, on a host of this name. */
  begin(vm: string, host: string, guest: RunningGuest): void;
  /** It is gone, with its host, or has gone off by itself. */
  end(guest: RunningGuest): void;
  /** The sentinel of a VM dies. It is started again when what is returned is called. */
  kill(vm: string): () => void;
  /** More was written in the guests of a VM than their kernels could record. */
  overrun(vm: string): void;
  /** From now on the guests of a VM do not come to rest. Call what is returned to end that. */
  refuseRest(vm: string, why: string): () => void;
}

/** The sentinel of a VM. */
export const sentinelOf = ({ name }: { readonly name: string }): SentinelId => sentinelId(`sentinel-${name}`);

/** Where the files of a sentinel are in its guest. */
export const sentinelFolder = '/etc/sealift-sentinel';

/**
 * Every half minute of virtual time has its price: both sides are heard less often than real ones.
 * @differs Sentinels of the block world are heard every minute and given up after four, where real ones are heard every 5 s and given up after 20 s.
 */
export const sentinelRhythm = {
  rhythm: { heartbeat: minutes(1), silence: minutes(4) },
  silence: { keepalive: minutes(1), max: minutes(4) },
} as const;

// As systemd is told to by the unit of a sentinel.
const restartsAfter = seconds(10);
const connectMax = seconds(10);
const lookEvery = minutes(60);

/** A guest with a sentinel in it. */
interface Inhabited {
  readonly vm: string;
  readonly host: string;
  readonly guest: RunningGuest;
  readonly kernel: GuestKernel;
  process: SimulatedProcess | undefined;
  starts: number;
}

interface VmState {
  /** How many keep its sentinels from being started. */
  held: number;
  readonly refusals: Set<string>;
}

/** Sentinels of guests that are not up yet. */
export function sentinels(options: SentinelsOptions): Sentinels {
  const { clock, rng, network, onCrash } = options;
  const inhabited = new Set<Inhabited>();
  const states = new Map<string, VmState>();
  const stateOf = (vm: string): VmState => {
    const state = states.get(vm) ?? { held: 0, refusals: new Set<string>() };
    states.set(vm, state);
    return state;
  };
  const of = (vm: string): readonly Inhabited[] => [...inhabited].filter((each) => each.vm === vm);
  const start = (one: Inhabited): void => {
    const { vm, guest } = one;
    if (one.process || !inhabited.has(one) || stateOf(vm).held > 0 || !hasSentinel(guest)) return;
    one.starts += 1;
    const process = simulatedProcess(`sentinel of ${one.host} ${one.starts}`);
    one.process = process;
    process.whenKilled(() => {
      one.process = undefined;
      clock.schedule(after(clock.now(), restartsAfter), () => start(one));
    });
    const refusesRest = (): string | undefined => [...stateOf(vm).refusals][0];
    run(options, one, process, refusesRest).catch(onCrash);
  };
  return {
    begin(vm, host, guest) {
      if (!hasSentinel(guest)) return;
      if (!network.isUp(host)) network.start(host);
      const hasRequests = (disk: DiskId): boolean => options.hasRequests(vm, disk);
      const kernel = guestKernel(guest, { clock, rng: rng.fork(`kernel of ${host} at ${clock.now()}`), hasRequests });
      const one: Inhabited = { vm, host, guest, kernel, process: undefined, starts: 0 };
      inhabited.add(one);
      start(one);
    },
    end(guest) {
      const one = [...inhabited].find((each) => each.guest === guest);
      if (!one) return;
      inhabited.delete(one);
      // Who goes off by itself ends its connections; a machine without power says nothing.
      if (guest.phase() !== 'off') network.crash(one.host);
      one.process?.kill();
    },
    kill(vm) {
      const state = stateOf(vm);
      state.held += 1;
      for (const one of of(vm)) one.process?.kill();
      return () => {
        state.held -= 1;
        for (const one of of(vm)) start(one);
      };
    },
    overrun: (vm) => of(vm).forEach(({ kernel }) => kernel.overrun()),
    refuseRest(vm, why) {
      const { refusals } = stateOf(vm);
      refusals.add(why);
      return () => refusals.delete(why);
    },
  };
}

/** Runs the agent of production until its process is dead. */
async function run(
  { clock, rng, network, memory, readFails, diesOf }: SentinelsOptions,
  { vm, host, guest, kernel }: Inhabited,
  process: SimulatedProcess,
  refusesRest: () => string | undefined,
): Promise<void> {
  const own = rng.fork(process.name);
  const parts = await simulatedSentinelParts({
    ...{ guest, kernel, process, clock, memory, rng: own, refusesRest, silence: sentinelRhythm.silence },
    readFails: (_disk, at) => readFails(vm, at),
  });
  if (!parts) return;
  const inGuest = guestProcess(guest, process, clock);
  const way = withPlug(network.guestNetwork(process, host), inGuest);
  await startAgent({
    ...parts,
    directory: sentinelFolder,
    network: watchedGuestNetwork(way, process, () => {
      if (diesOf()) process.kill();
    }),
    identities: simulatedIdentities(own),
    identityFiles: filesOn(inGuest),
    lookEvery,
    log: () => undefined,
  });
}

/** Nothing is reached by a guest whose cards have no plug in, or no address yet. */
const withPlug = (network: GuestNetwork, { guest, clock }: GuestProcess): GuestNetwork => ({
  connect: async (wanted, signal) => {
    const talks = guest.nics().some(({ connected, addresses }) => connected && addresses.length > 0);
    if (talks) return network.connect(wanted, signal);
    await clock.wait(connectMax, signal);
    return { ok: false, error: { type: 'Unreachable', detail: 'the network is unreachable' } };
  },
});

const writeMs: Millis = millis(3);

/** The files of its identity, on the boot disk of its guest. */
function filesOn({ guest, clock, bound }: GuestProcess): IdentityFiles {
  const path = (name: string): string => `${sentinelFolder}/${name}`;
  const edit = async (change: (files: Map<string, string>) => void): Promise<void> => {
    await clock.wait(writeMs);
    const isDone = guest.change((system) => {
      const files = new Map(Object.entries(system.files));
      change(files);
      return { ...system, files: Object.fromEntries(files) };
    });
    if (!isDone) throw new Error('EROFS: read-only file system');
  };
  return {
    read: bound((name: string) => guest.installed()?.files[path(name)]),
    write: bound((name: string, text: string) => edit((files) => void files.set(path(name), text))),
    rename: bound((from: string, to: string) =>
      edit((files) => {
        files.set(path(to), files.get(path(from)) ?? '');
        files.delete(path(from));
      }),
    ),
    remove: bound((name: string) => edit((files) => void files.delete(path(name)))),
  };
}
