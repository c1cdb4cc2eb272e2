import { elapsed, instant, millis, minutes, type Instant, type Millis } from '#core/units';

/** What crossed each place in each stretch of time, from the start of a world on. */
export interface Usage {
  /** How long each stretch is. */
  readonly bucket: Millis;
  /** Whole bytes, by place and stretch. Places that carried nothing have no stretches; trailing ones are left out. */
  readonly carried: readonly (readonly number[])[];
}

/** Notes what crosses the places of a world. Its size does not grow with what is noted. */
export interface UsageLedger {
  /** `bytes` crossed a place, evenly from one moment until another. Costs one addition for each stretch it touches. */
  carried(place: number, from: Instant, until: Instant, bytes: number): void;
  usage(): Usage;
  /** When the stretch began that a moment is in, and when the next one begins. They may be taken together later. */
  stretchOf(at: Instant): Instant;
  stretchAfter(at: Instant): Instant;
}

/** The shortest stretch: a quarter of an hour. */
const bucketMin = minutes(15);
/** More stretches than this are taken together two by two. A week has 84 of two hours. */
const bucketsMax = 96;

/** A ledger in which nothing has crossed any of so many places. */
export function usageLedger(start: Instant, places: number): UsageLedger {
  const carried: number[][] = Array.from({ length: places }, () => []);
  let bucket: number = bucketMin;
  const reach = (until: number): void => {
    while (until > bucketsMax * bucket) {
      bucket *= 2;
      carried.forEach((row, place) => (carried[place] = pairedSums(row)));
    }
  };
  return {
    carried(place, from, until, bytes) {
      if (bytes <= 0) return;
      const begins: number = elapsed(start, from);
      const ends: number = elapsed(start, until);
      reach(ends);
      const row = carried[place];
      if (row === undefined) return;
      const first = Math.floor(begins / bucket);
      const last = Math.max(first, Math.ceil(ends / bucket) - 1);
      while (row.length <= last) row.push(0);
      if (first === last) {
        row[first] = (row[first] ?? 0) + bytes;
        return;
      }
      const perMilli = bytes / (ends - begins);
      for (let at = first; at <= last; at += 1) {
        const overlap = Math.min(ends, (at + 1) * bucket) - Math.max(begins, at * bucket);
        row[at] = (row[at] ?? 0) + perMilli * overlap;
      }
    },
    stretchOf: (at) => instant(start + Math.floor(elapsed(start, at) / bucket) * bucket),
    stretchAfter: (at) => instant(start + (Math.floor(elapsed(start, at) / bucket) + 1) * bucket),
    usage: () => ({ bucket: millis(bucket), carried: carried.map((row) => row.map(Math.round)) }),
  };
}

/** A row of half as many stretches, each twice as long. */
export function pairedSums(row: readonly number[]): number[] {
  const paired: number[] = [];
  for (let i = 0; i < row.length; i += 2) paired.push((row[i] ?? 0) + (row[i + 1] ?? 0));
  return paired;
}
