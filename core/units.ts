/**
 * Quantities, each its own type, so that an address is never passed for a length nor a duration for an instant.
 *
 * `number`, not `bigint`: 2^53 bytes is 8 PiB, above any disk we move, and JSON keeps it exact. The constructors are
 * the only casts.
 */
declare const unit: unique symbol;
type Unit<Name extends string> = number & { readonly [unit]: Name };

/** A length in bytes. */
export type Bytes = Unit<'Bytes'>;
/** A byte address on one disk, from its start. An `Offset` plus `Bytes` is an `Offset`; two `Offset`s never add. */
export type Offset = Unit<'Offset'>;
/** A duration in whole milliseconds. */
export type Millis = Unit<'Millis'>;
/** A moment, in milliseconds since 1970-01-01T00:00Z, of whichever `Clock` is in charge. */
export type Instant = Unit<'Instant'>;
/** The number of a pass over what is dirty, from 0 (the full sync). */
export type Round = Unit<'Round'>;
/** Bytes per second. */
export type BytesPerSecond = Unit<'BytesPerSecond'>;

const natural =
  <U extends number>(name: string) =>
  (n: number): U => {
    if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`${name} must be a natural number, got ${n}`);
    return n as U;
  };

/** Checks and brands a length. Throws a `RangeError` on a fraction, a negative or an unsafe integer, as all here do. */
export const bytes: (n: number) => Bytes = natural('bytes');
/** Checks and brands a byte address. */
export const offset: (n: number) => Offset = natural('offset');
/** Checks and brands a duration. */
export const millis: (n: number) => Millis = natural('millis');
/** Checks and brands a moment. */
export const instant: (n: number) => Instant = natural('instant');
/** Checks and brands a round number. */
export const round: (n: number) => Round = natural('round');
/** Checks and brands a rate. */
export const bytesPerSecond: (n: number) => BytesPerSecond = natural('bytesPerSecond');

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;

/** Seconds as a duration. */
export const seconds = (n: number): Millis => millis(Math.round(n * 1000));
/** Minutes as a duration. */
export const minutes = (n: number): Millis => seconds(n * 60);
/** Hours as a duration. */
export const hours = (n: number): Millis => minutes(n * 60);

/** The moment `duration` after `at`. */
export const after = (at: Instant, duration: Millis): Instant => instant(at + duration);
/** How long from `earlier` to `later`; zero if they are the other way round (clocks step back). */
export const elapsed = (earlier: Instant, later: Instant): Millis => millis(Math.max(0, later - earlier));
/** The address `length` after `at`. */
export const advance = (at: Offset, length: Bytes): Offset => offset(at + length);
/** The largest multiple of `grain` that is not above `n`. */
export const alignDown = (n: number, grain: number): number => n - (n % grain);
/** The smallest multiple of `grain` that is not below `n`. */
export const alignUp = (n: number, grain: number): number => Math.ceil(n / grain) * grain;

/** A probability as a fraction: no float decides what a seed replays. */
export type Ratio = { readonly numerator: number; readonly denominator: number };
/** A fraction between 0 and 1. Throws a `RangeError` otherwise. */
export function ratio(numerator: number, denominator: number): Ratio {
  if (
    !Number.isSafeInteger(numerator) ||
    !Number.isSafeInteger(denominator) ||
    numerator < 0 ||
    numerator > denominator
  )
    throw new RangeError(`ratio must lie between 0 and 1, got ${numerator}/${denominator}`);
  return { numerator, denominator };
}
