import type { MigrationPlan, SourcePlatform } from '#core/migration/plan';
import type { Bytes, BytesPerSecond, Millis, Ratio } from '#core/units';

/** What real runs say about the constants of the flow world. Only what was seen is in it. */
export interface Calibration {
  /** The runs it was fitted from, by name. */
  readonly runs: readonly string[];
  /** Migrations in them of which something was used. */
  readonly migrations: number;
  readonly rounds: RoundFit;
  /** Steps at the source, by the platform they were done on. */
  readonly platforms: {
    readonly [P in SourcePlatform]?: Fits<'initiate' | 'fence'> | undefined;
  };
  /** Steps that a guest takes part in, by its family. */
  readonly guests: {
    readonly [G in GuestFamily]?: Fits<'quiesce' | 'fixUp' | 'launch'> | undefined;
  };
  readonly steps: Fits<'verify' | 'connect' | 'validate'>;
  /** What is known of single VMs, for whoever describes them in an estate. */
  readonly vms: Readonly<Record<string, VmFit>>;
}

/** Durations of steps; missing where a step was never seen to go its usual way. */
export type Fits<Step extends string> = { readonly [S in Step]?: SpanFit | undefined };

/** The family of a guest, as plans know it. */
export type GuestFamily = MigrationPlan['vm']['guest'];

/** A duration that was seen several times: a tenth of the times was shorter than `from`, a tenth longer than `to`. */
export interface SpanFit {
  readonly from: Millis;
  readonly median: Millis;
  readonly to: Millis;
  readonly samples: number;
  readonly fit: string;
}

/** What rounds are made of. */
export interface RoundFit {
  /** Content that one disk of a VM reads and sends, once the round is open. */
  readonly rate: {
    readonly median: BytesPerSecond;
    readonly from: BytesPerSecond;
    readonly to: BytesPerSecond;
    readonly samples: number;
    readonly fit: string;
  };
  /** What a round takes beside its bytes. */
  readonly overhead: SpanFit;
  /** The part of a full sync that was zero; missing if no full sync was completed at one go. */
  readonly zero?: { readonly share: Ratio; readonly samples: number; readonly fit: string } | undefined;
}

/** One VM, as its rounds show it. */
export interface VmFit {
  /** Allocated bytes: what the first full sync had to make equal. */
  readonly used: Bytes;
  /** Missing if it was never seen how much was dirty after how long. */
  readonly writes?: WriteFit | undefined;
}

/** How a guest writes. */
export interface WriteFit {
  readonly rate: BytesPerSecond;
  /** What is written over and over. Where `seen` only: the most that ever was dirty, and more would have been later. */
  readonly workingSet: { readonly size: Bytes; readonly type: 'fitted' | 'seen' };
  readonly samples: number;
  readonly fit: string;
}
