import type { SourcePlatform } from '#core/migration/plan';
import type { Span } from './guest.ts';

/** How long a source platform takes for what is asked of it. All durations are in seconds, from and to. */
export interface PlatformProfile {
  /** Change tracking is begun, and the replica's empty disks are made. */
  readonly begin: Span;
  /** The present change mark is frozen and disks become readable: once in each round, the final one too. */
  readonly openRound: Span;
  readonly fence: Span;
  readonly powerOff: Span;
  readonly powerOn: Span;
  /** Everything of ours is taken off the source. */
  readonly release: Span;
  /** The guest stands still: when its change mark is frozen, and when the checkpoint is merged. */
  readonly stun: Span;
  /** For each GiB that was written while a round read a checkpoint: it is merged into the disk before the round is over. */
  readonly mergePerGiB: Span;
}

/**
 * Source platforms: bitmaps in the hypervisor are quick to freeze and leave nothing to merge, snapshots and checkpoints
 * less so.
 *
 * @differs The durations of platforms are assumed; busy hosts and large disks make no difference to them, but what was written to a checkpoint does.
 */
export const platforms: Readonly<Record<SourcePlatform, PlatformProfile>> = {
  kvm: {
    begin: [3, 8],
    openRound: [1, 2],
    fence: [1, 4],
    powerOff: [1, 3],
    powerOn: [2, 6],
    release: [2, 5],
    stun: [0, 0],
    mergePerGiB: [0, 0],
  },
  hyperv: {
    begin: [6, 20],
    openRound: [3, 9],
    fence: [3, 8],
    powerOff: [2, 6],
    powerOn: [4, 12],
    release: [4, 12],
    stun: [0.2, 2],
    mergePerGiB: [4, 12],
  },
  ahv: {
    begin: [5, 15],
    openRound: [2, 6],
    fence: [2, 6],
    powerOff: [1, 4],
    powerOn: [3, 9],
    release: [3, 8],
    stun: [0.1, 1],
    mergePerGiB: [1, 4],
  },
};
