import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, instant } from '#core/units';
import { fairRates } from './fair-share.ts';
import { SharedPlaces } from './shared-places.ts';
import type { Place, Stream } from './stream-groups.ts';

const start = instant(0);
const nothing = (): void => undefined;

function site(...capacities: readonly number[]) {
  const shared = new SharedPlaces(new Map(capacities.map((capacity, i) => [`place ${i}`, capacity])), nothing);
  const all = [...shared.places.values()];
  const streams: Stream[] = [];
  const place = (i: number): Place => at(all, i);
  return {
    ...{ shared, all, streams, place },
    begin(way: readonly number[], streamMax = Infinity): Stream {
      const order = { path: [], length: bytes(1), streamMax, onDone: nothing, onBroken: nothing };
      const progress = { group: undefined, before: 0, mark: 0, until: 0 };
      const stream: Stream = { order, sequence: streams.length, way: way.map(place), ...progress };
      streams.push(stream);
      shared.add(stream, start);
      return stream;
    },
    end(stream: Stream): void {
      streams.splice(streams.indexOf(stream), 1);
      shared.remove(stream, start);
    },
    /** What everybody would get if all were shared anew. */
    fromScratch: () =>
      fairRates(
        streams.map(({ way, order }) => ({
          path: way.map(({ index }) => index),
          streams: 1,
          streamMax: Math.min(order.streamMax, ...way.map(({ streamMax }) => streamMax)),
        })),
        all.map(({ capacity }) => capacity),
      ),
  };
}
type Site = ReturnType<typeof site>;

const at = <T>(items: readonly T[], i: number): T => items[i % items.length] as T;
const rateOf = ({ group }: Stream): number => group?.rate ?? Number.NaN;

/** What is not as it should be: rates, what is kept of a place, or one that is full unseen. */
function wrong({ all, streams, fromScratch }: Site): readonly string[] {
  const whole = fromScratch();
  const wrongs = streams
    .map((stream, i) => ({ rate: rateOf(stream), fair: whole[i] ?? Number.NaN }))
    .filter(({ rate, fair }) => !(Math.abs(rate - fair) <= 1e-9 * fair))
    .map(({ rate, fair }) => `${rate} is not ${fair}`);
  for (const { rate, ceiling } of new Set(streams.flatMap(({ group }) => group ?? [])))
    if (ceiling < rate || ceiling > 1.0625 * rate + 1) wrongs.push(`${ceiling} is no ceiling for ${rate}`);
  const sum = (items: readonly number[]): number => items.reduce((whole, part) => whole + part, 0);
  for (const { name, streams: passing, bound, passages, capacity, isWatched } of all) {
    const groups = [...passing].flatMap(({ group }) => group ?? []);
    const isKept =
      bound === sum(groups.map(({ ceiling }) => ceiling)) &&
      new Set(groups).size === passages.length &&
      passages.every(({ group, at, streams }, i) => at === i && streams === groups.filter((g) => g === group).length);
    if (!isKept) wrongs.push(`${name} is not what its streams come to`);
    if (sum(groups.map(({ rate }) => rate)) > capacity * (1 + 1e-9)) wrongs.push(`${name} carries too much`);
    if (!isWatched && bound > capacity) wrongs.push(`${name} may be full unseen`);
  }
  return wrongs;
}

const change = fc.oneof(
  fc.record({
    type: fc.constant('begin' as const),
    way: fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 4 }),
    streams: fc.integer({ min: 1, max: 4 }),
    streamMax: fc.constantFrom(0.5, 7, 40, Infinity),
  }),
  fc.record({ type: fc.constant('end' as const), which: fc.nat(), streams: fc.integer({ min: 1, max: 4 }) }),
  fc.record({
    type: fc.constant('place' as const),
    which: fc.nat(5),
    capacity: fc.constantFrom(0, 25, 100, 1_000),
    streamMax: fc.constantFrom(5, Infinity),
  }),
);

function apply(here: Site, changes: readonly (typeof change extends fc.Arbitrary<infer C> ? C : never)[]): void {
  for (const next of changes) {
    if (next.type === 'begin') for (let n = 0; n < next.streams; n += 1) here.begin(next.way, next.streamMax);
    else if (next.type === 'place') here.shared.alter(here.place(next.which), next, start);
    else for (let n = 0; n < next.streams && here.streams.length > 0; n += 1) here.end(at(here.streams, next.which));
  }
}

describe('shares that are found anew only where something changed', () => {
  it('are those that sharing everything anew would find, whatever changes', () =>
    fc.assert(
      fc.property(
        fc.array(fc.array(change, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 40 }),
        (turns) => {
          const here = site(100, 30, 250, 60, 1_000, 90);
          for (const changes of turns) {
            apply(here, changes);
            here.shared.share(start);
            expect(wrong(here)).toEqual([]);
          }
        },
      ),
      { numRuns: 500 },
    ));

  it('are so for a fleet over one link, whose hosts fill up and empty', () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ host: fc.nat(19), streamMax: fc.constantFrom(150e6, 300e6, 500e6), scans: fc.boolean() }),
          {
            minLength: 20,
            maxLength: 150,
          },
        ),
        fc.array(fc.nat(), { minLength: 20, maxLength: 150 }),
        (begun, ended) => {
          const here = site(5e9, 6e9, ...Array.from({ length: 20 }, (_, i) => 3e8 + (i % 5) * 3e8));
          const look = (): void => {
            here.shared.share(start);
            expect(wrong(here)).toEqual([]);
          };
          for (const { host, streamMax, scans } of begun) {
            here.begin(scans ? [host + 2] : [host + 2, 0, 1], streamMax);
            look();
          }
          for (const which of ended.slice(0, begun.length)) {
            here.end(at(here.streams, which));
            look();
          }
        },
      ),
      { numRuns: 20 },
    ));

  it('leave alone whoever meets nobody at a full place', () => {
    const { shared, begin } = site(100, 100, 1_000);
    const here = [begin([0, 2], 80), begin([0, 2], 80)];
    shared.share(start);
    const there = begin([1, 2], 120);
    const concerned = [...shared.share(start)].filter(({ streams }) => streams > 0);
    expect(concerned.map(({ key }) => key)).toEqual([there.group?.key]);
    expect([...here, there].map(rateOf)).toEqual([50, 50, 100]);
  });

  it('concern those who meet at a place that was full, or becomes so', () => {
    const { shared, begin, end } = site(100, 100, 150);
    const here = begin([0, 2]);
    shared.share(start);
    const there = begin([1, 2]);
    shared.share(start);
    expect([here, there].map(rateOf)).toEqual([75, 75]);
    end(there);
    shared.share(start);
    expect(rateOf(here)).toBe(100);
  });

  it('cost no more for many hosts than for few, where it is the link that is full', () => {
    const hosts = 1_000;
    const { shared, begin, end, streams } = site(...Array.from({ length: hosts }, () => 1_000), 10_000);
    for (let host = 0; host < hosts; host += 1) {
      begin([host, hosts], 100 + (host % 3));
      shared.share(start);
    }
    expect(shared.groups).toBe(3);
    for (let n = 0; n < hosts - 120; n += 1) {
      end(at(streams, n * 7));
      expect(shared.share(start).length).toBeLessThanOrEqual(3);
    }
    expect(streams.map(rateOf)).toEqual(streams.map(() => 10_000 / 120));
  });

  it('are found where a place that nobody watched any more fills up again', () => {
    const { shared, begin, end, place } = site(1_000);
    const all = Array.from({ length: 20 }, () => begin([0], 100));
    shared.share(start);
    for (const stream of all.slice(5)) end(stream);
    // Let go only when something changes after that.
    shared.share(start);
    begin([0], 100);
    shared.share(start);
    expect(place(0).isWatched).toBe(false);
    for (let n = 0; n < 10; n += 1) begin([0], 100);
    shared.share(start);
    expect(place(0).isWatched).toBe(true);
    expect(rateOf(at(all, 0))).toBe(62.5);
  });

  it('come with totals that stay exact, however long a group lasts', () => {
    const { shared, begin, place } = site(1e9);
    const stream = begin([0], 2e9);
    for (let hour = 0; hour < 1_000; hour += 1) {
      const now = instant(hour * 3_600_000);
      shared.alter(place(0), { capacity: 1e9 - (hour % 2) * 1e8, streamMax: Infinity }, now);
      shared.share(now);
      expect(stream.group?.served).toBeLessThan(2 ** 43);
    }
  });
});
