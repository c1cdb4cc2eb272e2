import { millis, minutes, type Millis } from '#core/units';
import type { WorldUsage } from '#simulator/flow/flow-world';
import { pairedSums } from '#simulator/flow/usage-ledger';

/** How busy each place was over time, over many seeds. */
export interface UsageForecast {
  readonly bucket: Millis;
  /** The busiest first. */
  readonly places: readonly PlaceForecast[];
  /** The tightest place of each hour. */
  readonly hours: readonly TightestPlace[];
  /** The place that was the tightest for the longest; null where nothing was carried. */
  readonly bottleneck: Bottleneck | null;
}

/** How busy one place was. */
export interface PlaceForecast {
  readonly name: string;
  /** Bytes per second; the mean where seeds differ. */
  readonly capacity: number;
  /** The part of what it could carry that it carried, 0 to 1, in each stretch: the mean over seeds. */
  readonly utilisation: readonly number[];
}

/** The place that carried most of what it can. `place` is null where nothing was carried to speak of. */
export interface TightestPlace {
  /** From the start of the wave on. */
  readonly from: Millis;
  readonly lasts: Millis;
  readonly place: string | null;
  readonly utilisation: number;
}

/** The place that held the wave up, if one did. */
export interface Bottleneck {
  readonly place: string;
  /** How long it was the tightest. */
  readonly lasts: Millis;
  /** The most that it was used in one of those hours. */
  readonly peak: number;
  /** Whether it was full at its peak. If not, limits or single streams held the wave up, and not a place. */
  readonly full: boolean;
}

interface Place {
  seeds: number;
  capacities: number;
  carried: number[];
}

const hour = minutes(60);
// Less than this is no use to speak of.
const idle = 0.02;
// An hour is seldom used to its last minute.
const full = 0.85;

/** Adds up what was carried. The same comes of it in whatever order seeds are added. */
export function usageForecaster(): { add(usage: WorldUsage): void; forecast(): UsageForecast | null } {
  const places = new Map<string, Place>();
  let bucket = 0;
  return {
    add(usage) {
      if (bucket === 0) bucket = usage.bucket;
      for (; bucket < usage.bucket; bucket *= 2)
        for (const place of places.values()) place.carried = pairedSums(place.carried);
      for (const { name, capacity, carried } of usage.places) {
        const place = places.get(name) ?? { seeds: 0, capacities: 0, carried: [] };
        places.set(name, place);
        let row: readonly number[] = carried;
        for (let own: number = usage.bucket; own < bucket; own *= 2) row = pairedSums(row);
        place.seeds += 1;
        place.capacities += capacity;
        row.forEach((n, i) => (place.carried[i] = (place.carried[i] ?? 0) + n));
      }
    },
    forecast: () => (bucket === 0 ? null : forecastOf(millis(bucket), places)),
  };
}

function forecastOf(bucket: Millis, kept: ReadonlyMap<string, Place>): UsageForecast {
  const length = Math.max(0, ...[...kept.values()].map(({ carried }) => carried.length));
  const places = [...kept].map(([name, { seeds, capacities, carried }]): PlaceForecast => ({
    name,
    capacity: Math.round(capacities / seeds),
    utilisation: Array.from({ length }, (_none, i) => part(carried[i] ?? 0, capacities, bucket)),
  }));
  places.sort((a, b) => sumOf(b.utilisation) - sumOf(a.utilisation) || a.name.localeCompare(b.name));
  const hours = tightestPlaces(places, bucket, length);
  return { bucket, places, hours, bottleneck: bottleneckOf(hours) };
}

// What is carried may exceed what a place could by the rounding of an interval.
const part = (carried: number, capacities: number, bucket: Millis): number =>
  capacities === 0 ? 0 : Math.min(1, carried / ((capacities * bucket) / 1_000));

const sumOf = (row: readonly number[]): number => row.reduce((sum, n) => sum + n, 0);
const mostOf = (row: readonly number[]): number => row.reduce((most, n) => Math.max(most, n), 0);

function tightestPlaces(places: readonly PlaceForecast[], bucket: Millis, length: number): readonly TightestPlace[] {
  const perHour = Math.max(1, Math.round(hour / bucket));
  const all = Array.from({ length: Math.ceil(length / perHour) }, (_none, at): TightestPlace => {
    let place: string | null = null;
    let utilisation = idle;
    for (const { name, utilisation: row } of places) {
      const used = sumOf(row.slice(at * perHour, (at + 1) * perHour)) / perHour;
      if (used > utilisation) [place, utilisation] = [name, used];
    }
    const lasts = millis(perHour * bucket);
    return { from: millis(at * lasts), lasts, place, utilisation: place === null ? 0 : utilisation };
  });
  // What is kept up to date after the wave hardly shows.
  return all.slice(0, all.findLastIndex(({ place }) => place !== null) + 1);
}

/** Hours count by how tight they were: one full hour weighs more than many in which hardly anything crossed. */
function bottleneckOf(hours: readonly TightestPlace[]): Bottleneck | null {
  const weights = new Map<string, number>();
  for (const { place, utilisation } of hours)
    if (place !== null) weights.set(place, (weights.get(place) ?? 0) + utilisation);
  const [heaviest] = [...weights].sort(([one, a], [other, b]) => b - a || one.localeCompare(other));
  if (!heaviest) return null;
  const own = hours.filter(({ place }) => place === heaviest[0]);
  const peak = mostOf(own.map(({ utilisation }) => utilisation));
  const lasts = own.reduce((sum, one) => sum + one.lasts, 0);
  return { place: heaviest[0], lasts: millis(lasts), peak, full: peak >= full };
}
