import type { RecordedFact } from '#core/event-log/event-log';
import type { Breach } from '#core/laws/judge';
import type { Law } from '#core/laws/law';
import type { Instant, Millis } from '#core/units';
import type { BlockFaultKind } from './fault-kinds.ts';

/*
 * What a run of the block world is given, and what comes of it. A specification is explicit data: whatever is taken out
 * of it moves nothing else, because each part of a world draws from a stream of chance that is named after it.
 */

/** One world: what there is, what is to be done, and what goes wrong. JSON-shaped. */
export interface BlockSpec {
  /** What everything that is not said here draws from. */
  readonly seed: number;
  readonly vms: readonly BlockVm[];
  readonly wave: BlockWave;
  readonly faults: readonly BlockFault[];
  /** Since the start. Faults end here at the latest: then the world heals. */
  readonly healAt: Millis;
  /** After the world has healed, every VM has to come to an end within this. */
  readonly liveWithin: Millis;
}

/** One VM at the source. */
export interface BlockVm {
  /** Also the id of its migration. */
  readonly name: string;
  readonly hypervisor: 'kvm' | 'hyperv' | 'ahv';
  /** Who tracks its writes and reads its disks. */
  readonly via: 'hypervisor' | 'sentinel';
  readonly disks: readonly BlockDisk[];
  readonly writesPerMinute: number;
  /** VMs of one application begin their cutovers together. */
  readonly application: string | null;
  readonly handOver: 'replica' | 'launch';
  readonly testLaunch: boolean;
  /** `unbootable`: a guest that no fix-up makes boot on the target. */
  readonly guest: 'debian' | 'windows' | 'unbootable';
}

/** One disk of a VM. */
export interface BlockDisk {
  readonly id: string;
  /** Its size in grains of 64 KiB, the unit in which changes are sent. */
  readonly grains: number;
  /** Whether its writes can be tracked; without, every round compares. */
  readonly tracking: boolean;
}

/** The one wave that all VMs are in. Times count from the start. */
export interface BlockWave {
  readonly windowStart: Millis;
  readonly windowEnd: Millis;
  readonly cutoversMax: number;
  readonly syncsMax: number;
  readonly downtimeBudget: Millis;
  /** Whether the way back is given up once the wave is over. */
  readonly finalize: boolean;
}

/** When a fault begins. */
export type FaultMoment =
  /** Since the start. */
  | { readonly type: 'time'; readonly ms: Millis }
  /** With the `nth` fact (from 1) of this type in the migration of that VM. If it does not come before the world heals, there is no fault. */
  | { readonly type: 'fact'; readonly vm: string; readonly fact: string; readonly nth: number };

/** One thing that goes wrong. */
export interface BlockFault {
  readonly kind: BlockFaultKind;
  readonly at: FaultMoment;
  /** Whom it hits; null where it hits what all share. */
  readonly vm: string | null;
  /** How long it goes on; 0 for what is over at once. */
  readonly lasts: Millis;
}

/** What came of a run. */
export interface BlockOutcome {
  /**
   * `held`: every law holds, and all came to an end. `notLive`: every law holds, and after the world had healed somebody
   * did not come to an end in time. `broken`: a law is broken. `crashed`: our own code found itself to be wrong.
   */
  readonly ending: 'held' | 'notLive' | 'broken' | 'crashed';
  readonly breaches: readonly Breach[];
  /** The message of what was thrown, without paths of the machine it ran on. */
  readonly crash: string | null;
  /** Who did not come to an end, and where they stand: `cuttingOver.fencing`. */
  readonly stuck: readonly { readonly vm: string; readonly where: string }[];
  readonly facts: readonly RecordedFact[];
  /** SHA-256 over all facts: the same specification, the same hash. */
  readonly hash: string;
  /** Everything that was decided by chance and is worth telling. */
  readonly decisions: readonly BlockDecision[];
  /** Which faults struck a VM in which state of its lifecycle (`cuttingOver.fencing`), each pair once. */
  readonly exercised: readonly { readonly state: string; readonly fault: BlockFaultKind }[];
}

/** One thing that chance decided. */
export interface BlockDecision {
  readonly at: Instant;
  readonly label: string;
  readonly value: string | number | boolean;
}

/** Runs a world to its end. Never rejects: what is wrong with our code is a `crash`. */
export type RunBlock = (spec: BlockSpec) => Promise<BlockOutcome>;

/**
 * The same as the module of the block world exports it: `turn` is one of the event loop, which only an entry point has. By
 * other laws than Sealift's where they are given; `signal` ends the run as it stands.
 */
export type RunBlockWith = (
  spec: BlockSpec,
  options: { readonly turn: () => Promise<void>; readonly laws?: readonly Law[]; readonly signal?: AbortSignal },
) => Promise<BlockOutcome>;
