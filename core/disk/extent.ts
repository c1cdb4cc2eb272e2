import { advance, bytes, offset, type Bytes, type Offset } from '#core/units';

/** A run of bytes on one disk: half-open, from `start` up to but without `start + length`. */
export interface Extent {
  readonly start: Offset;
  readonly length: Bytes;
}

/** What a reader of an extent would find. `zero` reads as zeroes whether allocated or not; everything else is `data`. */
export type ExtentKind = 'data' | 'zero';
/** An extent and what is in it. */
export interface MappedExtent extends Extent {
  readonly kind: ExtentKind;
}

/** Builds an extent from plain numbers, checked. */
export const extent = (start: number, length: number): Extent => ({ start: offset(start), length: bytes(length) });
/** The first address after the extent. */
export const extentEnd = ({ start, length }: Extent): Offset => advance(start, length);
/** How many bytes the extents hold together. Extents must not overlap for the sum to mean anything. */
export const totalLength = (extents: readonly Extent[]): Bytes =>
  bytes(extents.reduce((sum, { length }) => sum + length, 0));
