/** Why a chunk of a read was not acceptable. */
export type CoverageFault = 'overlap' | 'too many pieces';

// Servers answer in order, in a few chunks. A reply in so many scattered pieces is an attack on our memory.
export const piecesMax = 1024;

/**
 * Which parts of one read have arrived. Every byte must arrive exactly once: a gap would leave old bytes in the
 * caller's buffer, and they would be taken for the disk's.
 */
export interface ReadCoverage {
  /** Notes that `start` up to `end` (relative to the read) arrives. */
  add(start: number, end: number): CoverageFault | undefined;
  /** How many bytes have been noted. */
  readonly covered: number;
}

/** Nothing has arrived yet. */
export function readCoverage(): ReadCoverage {
  // Sorted, disjoint, never touching: [start, end, start, end, ...]. In-order replies keep it at one pair.
  const pieces: number[] = [];
  let covered = 0;
  return {
    get covered() {
      return covered;
    },
    add: (start, end) => {
      let index = pieces.length;
      while (index > 0 && (pieces[index - 2] ?? 0) >= start) index -= 2;
      // `index` is where the new piece belongs: what is before it starts below `start`.
      const before = index > 0 ? (pieces[index - 1] ?? 0) : -1;
      const next = index < pieces.length ? (pieces[index] ?? 0) : Infinity;
      if (before > start || next < end) return 'overlap';
      covered += end - start;
      if (before === start && next === end) pieces.splice(index - 1, 2);
      else if (before === start) pieces[index - 1] = end;
      else if (next === end) pieces[index] = start;
      else {
        if (pieces.length >= 2 * piecesMax) return 'too many pieces';
        pieces.splice(index, 0, start, end);
      }
      return undefined;
    },
  };
}
