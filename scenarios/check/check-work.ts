import type { RecordedFact } from '#core/event-log/event-log';
import type { BlockFaultKind } from '#simulator/block/fault-kinds';
import type { BlockSpec } from '#simulator/block/spec';
import type { Failure } from '#simulator/search/failure';
import { swarmSpec, type SwarmShape } from '#simulator/search/swarm';

/** Which worlds are checked: those of a swarm, or one of a file under other seeds. */
export type Worlds =
  { readonly type: 'swarm'; readonly shape: SwarmShape } | { readonly type: 'one'; readonly spec: BlockSpec };

/** The world of a seed. */
export const worldOf = (worlds: Worlds, seed: number): BlockSpec =>
  worlds.type === 'swarm' ? swarmSpec(seed, worlds.shape) : { ...worlds.spec, seed };

/** What a thread is given when it starts. */
export interface CheckWork {
  /** The module that exports `runBlock: RunBlockWith`. */
  readonly runner: string;
  /** The module that exports a user's own laws. */
  readonly property: string | null;
  readonly worlds: Worlds;
  /** Not to come to an end is a failure too. */
  readonly demandsProgress: boolean;
  /** Set to 1 by whoever wants a search for a smaller world to end with what it has. */
  readonly stop: SharedArrayBuffer;
}

/** What a thread is told: a seed to check, or to check with all that happened, or to shrink. */
export type CheckMessage =
  | number
  | { readonly type: 'tellAll'; readonly seed: number }
  | {
      readonly type: 'shrink';
      readonly seed: number;
      readonly failure: Failure;
      readonly runsMax: number;
      readonly again: { readonly commit: string; readonly command: string };
    };

/** What one seed came to. */
export interface SeedVerdict {
  readonly seed: number;
  readonly failures: readonly Failure[];
  readonly facts: number;
  readonly hash: string;
  readonly exercised: readonly { readonly state: string; readonly fault: BlockFaultKind }[];
  /** What the code said it sometimes does, and how often it did. */
  readonly sometimes: Readonly<Record<string, number>>;
}

/** What a search for a smaller world came to. */
export interface ShrunkVerdict {
  readonly seed: number;
  readonly failure: Failure;
  readonly runs: number;
  readonly isSmallest: boolean;
  /** Nothing is left of it when it does not fail again: the same seed led to two different logs. */
  readonly fails: boolean;
  readonly spec: BlockSpec;
  readonly story: readonly string[];
}

/** What a thread says. */
export type CheckAnswer =
  | { readonly type: 'checked'; readonly verdict: SeedVerdict; readonly log: readonly RecordedFact[] | null }
  | { readonly type: 'smaller'; readonly runs: number; readonly vms: number; readonly faults: number }
  | { readonly type: 'shrunk'; readonly verdict: ShrunkVerdict };
