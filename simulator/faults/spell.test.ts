import { describe, expect, it } from 'vitest';
import { instant, millis, minutes, ratio, seconds } from '#core/units';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { playSpells, type Period } from './spell.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** When each spell of a period begins and ends, in seconds; `tell` is called at a moment with the player. */
async function played(
  period: Period,
  { hours = 1, facts = [] as readonly (readonly [at: number, vm: string])[] } = {},
) {
  const clock = virtualClock({ turn });
  const spells: [from: number, to: number, vm: string | undefined][] = [];
  const player = playSpells<null>(
    [
      {
        ...period,
        begin(_, vm) {
          const spell: [number, number, string | undefined] = [clock.now() / 1_000, Infinity, vm];
          spells.push(spell);
          return () => (spell[1] = clock.now() / 1_000);
        },
      },
    ],
    clock,
    null,
  );
  for (const [at, vm] of facts) clock.schedule(instant(at * 1_000), () => player.happened(vm, 'SourceFenced'));
  await clock.run(clock.wait(minutes(60 * hours)));
  return spells;
}

describe('spells', () => {
  it('begin at their time and last as long as they should', async () =>
    expect(await played({ when: { type: 'at', at: instant(60_000) }, lasts: seconds(90) })).toEqual([
      [60, 150, undefined],
    ]));

  it('come and go while they last, wrong first of all', async () =>
    expect(
      await played({
        when: { type: 'at', at: instant(0) },
        lasts: seconds(100),
        flaps: { period: seconds(40), wrong: ratio(3, 4) },
      }),
    ).toEqual([
      [0, 30, undefined],
      [40, 70, undefined],
      [80, 100, undefined],
    ]));

  it('wait for a fact of their VM, so many times, and know whose it was', async () => {
    const facts = [
      [10, 'a'],
      [20, 'b'],
      [30, 'a'],
      [40, 'a'],
    ] as const;
    const on = (vm: string, times: number): Period => ({
      when: { type: 'on', fact: 'SourceFenced', vm, after: seconds(5), times },
      lasts: seconds(1),
    });
    expect(await played(on('a', 2), { facts })).toEqual([
      [15, 16, 'a'],
      [35, 36, 'a'],
    ]);
    expect((await played(on('any', 9), { facts })).map(([, , vm]) => vm).join('')).toBe('abaa');
    const other: Period = {
      when: { type: 'on', fact: 'RolledBack', vm: 'any', after: millis(0), times: 9 },
      lasts: millis(1),
    };
    expect(await played(other, { facts })).toEqual([]);
  });

  it('come at random as often as they should, with calm between them, and stop when they have come often enough', async () => {
    const random = (calm: number, times: number): Period => ({
      when: {
        type: 'random',
        from: instant(3_600_000),
        every: minutes(30),
        calm: minutes(calm),
        times,
        rng: seededRng(5),
      },
      lasts: minutes(1),
    });
    const often = await played(random(0, 10_000), { hours: 1_001 });
    // One in thirty minutes and the one it lasts, over a thousand hours.
    expect(often.length / (60_000 / 31)).toBeCloseTo(1, 1);
    expect(often[0]?.[0]).toBeGreaterThan(3_600);
    const calm = await played(random(20, 50), { hours: 1_001 });
    expect(calm).toHaveLength(50);
    const gaps = calm.slice(1).map(([from], i) => from - (calm[i]?.[1] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThan(20 * 60);
    expect(await played(random(20, 50), { hours: 1_001 })).toEqual(calm);
  });
});
