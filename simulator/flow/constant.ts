import type { Bytes, BytesPerSecond, Millis, Ratio } from '#core/units';
import type { Span } from '#simulator/estate/guest';

/** One constant: its value, what it is, and where it comes from; the source `assumed` is the honest word for nowhere. */
export interface Constant<K extends ConstantKind = ConstantKind> {
  readonly kind: K;
  readonly value: ConstantValues[K];
  readonly what: string;
  readonly source: string;
}

/** What constants are measured in. A span is in seconds. */
export interface ConstantValues {
  readonly span: Span;
  readonly size: Bytes;
  readonly rate: BytesPerSecond;
  readonly duration: Millis;
  readonly share: Ratio;
  readonly count: number;
}
/** The kind of a constant decides its unit. */
export type ConstantKind = keyof ConstantValues;

/** A tree of constants in the shape of what it is the source of: a constant that is missing does not compile. */
export type Constants<T> = {
  readonly [K in keyof T]: T[K] extends ConstantValues[ConstantKind] ? Constant<KindOf<T[K]>> : Constants<T[K]>;
};
type KindOf<V> = V extends Span
  ? 'span'
  : V extends Bytes
    ? 'size'
    : V extends BytesPerSecond
      ? 'rate'
      : V extends Millis
        ? 'duration'
        : V extends Ratio
          ? 'share'
          : 'count';

/** The tree of constants without its exact shape, for code that walks it. */
export interface ConstantTree {
  readonly [name: string]: Constant | ConstantTree;
}
/** Whether a branch of the tree is a constant, and not a group of them. */
export const isConstant = (branch: Constant | ConstantTree): branch is Constant => typeof branch['kind'] === 'string';
