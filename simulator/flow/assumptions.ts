import type { SourcePlatform } from '#core/migration/plan';
import type { Bytes, BytesPerSecond, Millis, Ratio } from '#core/units';
import type { GuestDurations, GuestName, Span } from '#simulator/estate/guest';
import type { PlatformProfile } from '#simulator/estate/platform';
import {
  isConstant,
  type Constant,
  type Constants,
  type ConstantTree,
  type ConstantValues,
  type ConstantKind,
} from './constant.ts';
import { constants } from './constants.ts';

/**
 * Every constant of the flow world. A world takes them as an option and a scenario can set each; `ASSUMPTIONS.md` lists
 * the defaults with where they come from.
 */
export interface Assumptions {
  /** How long guests take, by operating system. */
  readonly guests: Readonly<Record<GuestName, GuestDurations>>;
  /** How long source platforms take. */
  readonly platforms: Readonly<Record<SourcePlatform, PlatformProfile>>;
  /** How long the target platform takes. */
  readonly target: TargetDurations;
  /** How long it takes to find something out. */
  readonly answers: AnswerDurations;
  /** What a round is made of. */
  readonly rounds: RoundAssumptions;
  /** What one VM's stream can take by itself. */
  readonly streams: StreamAssumptions;
  /** What a core can do. */
  readonly compute: ComputeAssumptions;
  /** What comes on top of a plain guest. */
  readonly services: ServiceDurations;
  /** What the checks before replication ask for. */
  readonly limits: CheckLimits;
}

/** How long the target platform takes for what is asked of it. */
export interface TargetDurations {
  /** A clone of the replica is made for a test. */
  readonly clone: Span;
  /** The clone is removed. */
  readonly remove: Span;
  readonly powerOff: Span;
  readonly powerOn: Span;
  /** A network adapter is connected, or connected again. */
  readonly connect: Span;
}

/** How long it takes to find something out. */
export interface AnswerDurations {
  /** A source is looked at, or asked what it did. */
  readonly look: Span;
  /** A target that runs is validated. */
  readonly validate: Span;
  /** How long one waits for an answer before it counts as lost. */
  readonly timeout: Span;
}

/** What a round is made of, beside the bytes. */
export interface RoundAssumptions {
  /** Flushing, and comparing roots. */
  readonly close: Span;
  /** How long it takes to notice that nobody answers. */
  readonly connectTimeout: Span;
  /** The part of what a full sync reads that is zero and crosses as a range. */
  readonly zero: Ratio;
  /** The grain of change tracking: what differs in one byte crosses whole. */
  readonly grain: Bytes;
}

/** What bounds one VM's stream, whatever others do. */
export interface StreamAssumptions {
  /** One disk read alone. */
  readonly diskMax: BytesPerSecond;
  /** TCP connections of one stream. */
  readonly connections: number;
  /** Bytes that one connection has on the way at most. */
  readonly window: Bytes;
  /** Bytes of content in one packet. */
  readonly segment: Bytes;
}

/** What one core can do, where an estate says how many there are. */
export interface ComputeAssumptions {
  /** Reading and digests at the source. */
  readonly digestPerCore: BytesPerSecond;
  /** TLS and frames in a gateway or receiver. */
  readonly streamPerCore: BytesPerSecond;
}

/** What services beyond those of a plain guest take. */
export interface ServiceDurations {
  /** One more comes to rest. */
  readonly stop: Span;
}

/** What the checks before replication ask for. */
export interface CheckLimits {
  readonly bandwidthMin: BytesPerSecond;
  readonly roundTripMax: Millis;
  readonly lossMax: Ratio;
  /** Disks of one VM. */
  readonly disksMax: number;
}

// A constant that is missing does not compile here.
const complete: Constants<Assumptions> = constants;
/** All constants, for code that walks them. */
export const constantTree = complete as unknown as ConstantTree;

/** What holds where a scenario says nothing else. */
export const defaultAssumptions = assumptionsWith({});

/** What a scenario says otherwise: any part of them. */
export type AssumptionChanges<T = Assumptions> = {
  readonly [K in keyof T]?: (T[K] extends ConstantValues[ConstantKind] ? T[K] : AssumptionChanges<T[K]>) | undefined;
};

/** The defaults, with what is said otherwise. */
export function assumptionsWith(changes: AssumptionChanges): Assumptions {
  const merged = (tree: ConstantTree, below: Values): Values =>
    Object.fromEntries(
      Object.entries(tree).map(([name, branch]) => {
        const change = below[name];
        if (isConstant(branch)) return [name, change ?? branch.value];
        return [name, merged(branch, (change ?? {}) as Values)];
      }),
    );
  return merged(constantTree, changes as Values) as unknown as Assumptions;
}
type Values = Readonly<Record<string, unknown>>;

/** One row of `ASSUMPTIONS.md`: `path` is where a scenario sets it. */
export interface AssumptionRow {
  readonly path: readonly string[];
  readonly constant: Constant;
}

/** Every constant with its default, in the order of the type. */
export const assumptionRows = (): readonly AssumptionRow[] => rowsOf(constantTree, []);

const rowsOf = (tree: ConstantTree, above: readonly string[]): readonly AssumptionRow[] =>
  Object.entries(tree).flatMap(([name, branch]) =>
    isConstant(branch) ? [{ path: [...above, name], constant: branch }] : rowsOf(branch, [...above, name]),
  );
