import type { ExtentKind, MappedExtent, Extent } from '#core/disk/extent';
import { alignDown, alignUp, bytes, offset } from '#core/units';
import type { StatusRuns } from './in-flight.ts';
import { allocationFlag, dirtyFlag } from './wire.ts';

/**
 * Turns what a server says about a range into extents on our grain.
 *
 * Servers round badly at times. Where a block is partly of one kind, the careful kind wins: data over zero, dirty over
 * clean. Too much is copied then, never too little.
 */
export interface ExtentCollector {
  /** Adds what was said about the bytes from where the last call ended. Returns where to go on: always further. */
  add(runs: StatusRuns): number;
}

/** Whether a run must be copied. */
export type Careful = (flags: number) => boolean;
/** `base:allocation`: all that is not known to read as zeroes. A hole with undefined content counts as data. */
export const isData: Careful = (flags) => (flags & allocationFlag.zero) === 0;
/** `qemu:dirty-bitmap:*` */
export const isDirty: Careful = (flags) => (flags & dirtyFlag) !== 0;

/** Collects the careful extents of a range: merged, in order, on the grain, within the range. */
export function carefulExtents(
  range: Extent,
  grain: number,
  careful: Careful,
): ExtentCollector & { readonly found: readonly Extent[] } {
  const found: Extent[] = [];
  const end = range.start + range.length;
  let at: number = range.start;
  const note = (from: number, to: number): void =>
    append(found, Math.max(range.start, alignDown(from, grain)), Math.min(end, alignUp(to, grain)));
  return {
    found,
    add: ({ list }) => {
      for (let i = 0; i + 1 < list.length && at < end; i += 2) {
        const start = at;
        at = Math.min(end, at + (list[i] ?? 0));
        if (careful(list[i + 1] ?? 0)) note(start, at);
      }
      // The next question must start on the grain. What is between is not known, so it is careful.
      const next = Math.min(end, alignUp(at, grain));
      if (next > at) note(at, next);
      at = next;
      return at;
    },
  };
}

function append(found: Extent[], start: number, end: number): void {
  const last = found[found.length - 1];
  if (last === undefined || last.start + last.length < start)
    found.push({ start: offset(start), length: bytes(end - start) });
  else
    found[found.length - 1] = {
      start: last.start,
      length: bytes(Math.max(last.start + last.length, end) - last.start),
    };
}

/** Fills the gaps between data extents with zero extents, so that they cover `range` exactly. */
export function coverWithZeroes(range: Extent, data: readonly Extent[]): readonly MappedExtent[] {
  const covered: MappedExtent[] = [];
  const end = range.start + range.length;
  let at: number = range.start;
  const upTo = (stop: number, kind: ExtentKind): void => {
    if (stop > at) covered.push({ start: offset(at), length: bytes(stop - at), kind });
    at = Math.max(at, stop);
  };
  for (const { start, length } of data) {
    upTo(start, 'zero');
    upTo(start + length, 'data');
  }
  upTo(end, 'zero');
  return covered;
}
