import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fairRates } from './fair-share.ts';
import { groupNotes, shareAnew, sharedPlace, type SharedGroup, type SharedPlace } from './shared-places.ts';

interface Group extends SharedGroup<Group> {
  streams: number;
  rate: number;
}
type Place = SharedPlace<Group>;

const places = (capacities: readonly number[]): readonly Place[] =>
  capacities.map((capacity, i) => sharedPlace<Group>(`place ${i}`, i, capacity));

function join(way: readonly Place[], streams: number, streamMax = Infinity): Group {
  const group: Group = { places: way, streamMax, streams, rate: 0, notes: groupNotes() };
  for (const place of way) place.groups.add(group);
  return group;
}

function share(changed: readonly Group[], touched: readonly Place[] = changed.flatMap((group) => group.places)) {
  const concerned = shareAnew(changed, touched);
  for (const group of concerned) group.rate = group.notes.fresh;
  return concerned;
}

/** What everybody would get if all were shared anew. */
function fromScratch(all: readonly Place[], groups: readonly Group[]): readonly number[] {
  const classes = groups.map((group) => ({
    path: group.places.map((place) => all.indexOf(place)),
    streams: group.streams,
    streamMax: Math.min(group.streamMax, ...group.places.map(({ streamMax }) => streamMax)),
  }));
  return fairRates(
    classes,
    all.map(({ capacity }) => capacity),
  );
}

const change = fc.oneof(
  fc.record({
    type: fc.constant('begin' as const),
    way: fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 4 }),
    streams: fc.integer({ min: 1, max: 4 }),
    streamMax: fc.constantFrom(7, 40, Infinity),
  }),
  fc.record({ type: fc.constant('count' as const), which: fc.nat(), streams: fc.nat(4) }),
  fc.record({
    type: fc.constant('place' as const),
    which: fc.nat(5),
    capacity: fc.constantFrom(0, 25, 100, 1_000),
    streamMax: fc.constantFrom(5, Infinity),
  }),
);

describe('shares that are found anew only where something changed', () => {
  it('are those that sharing everything anew would find, whatever changes', () =>
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 40 }), (changes) => {
        const all = places([100, 30, 250, 60, 1_000, 90]);
        const groups: Group[] = [];
        const at = <T>(items: readonly T[], i: number): T => items[i % items.length] as T;
        for (const next of changes) {
          if (next.type === 'begin') {
            const group = join(
              next.way.map((i) => at(all, i)),
              next.streams,
              next.streamMax,
            );
            groups.push(group);
            share([group]);
          } else if (next.type === 'place') {
            const place = at(all, next.which);
            place.capacity = next.capacity;
            place.streamMax = next.streamMax;
            share([...place.groups], [place]);
          } else if (groups.length > 0) {
            const group = at(groups, next.which);
            group.streams = next.streams;
            if (next.streams === 0) {
              groups.splice(groups.indexOf(group), 1);
              for (const place of group.places) place.groups.delete(group);
            }
            share(next.streams > 0 ? [group] : [], group.places);
          }
          const whole = fromScratch(all, groups);
          groups.forEach(({ rate }, i) => expect(rate).toBeCloseTo(at(whole, i), 6));
        }
      }),
      { numRuns: 300 },
    ));

  it('leave alone whoever meets nobody at a full place', () => {
    const [one, two, wan] = places([100, 100, 1_000]) as [Place, Place, Place];
    const here = join([one, wan], 2);
    const there = join([two, wan], 1);
    share([here]);
    expect(share([there])).toEqual([there]);
    expect([here.rate, there.rate]).toEqual([50, 100]);
  });

  it('concern those who meet at a place that was full, or becomes so', () => {
    const [one, two, wan] = places([100, 100, 150]) as [Place, Place, Place];
    const here = join([one, wan], 1);
    share([here]);
    const there = join([two, wan], 1);
    expect(share([there])).toHaveLength(2);
    expect([here.rate, there.rate]).toEqual([75, 75]);
    for (const place of there.places) place.groups.delete(there);
    expect(share([], there.places)).toEqual([here]);
    expect(here.rate).toBe(100);
  });
});
