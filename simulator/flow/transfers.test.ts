import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, instant, millis, seconds } from '#core/units';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { transfers, type Transfer } from './transfers.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function site(capacities: Record<string, number>) {
  const clock = virtualClock({ turn });
  const streams = transfers(clock, new Map(Object.entries(capacities)));
  const ends: Record<string, string> = {};
  const begin = (name: string, path: readonly string[], length: number, streamMax = Infinity): Transfer =>
    streams.begin({
      path,
      length: bytes(length),
      streamMax,
      onDone: () => (ends[name] = `done at ${clock.now()}`),
      onBroken: (place) => (ends[name] = `broken at ${clock.now()} by ${place}`),
    });
  const until = (ms: number): Promise<void> => clock.run(clock.wait(millis(ms - clock.now())));
  return { clock, streams, ends, begin, until };
}

describe('transfers', () => {
  it('take their length over the slower of their way and their own limit', async () => {
    const { ends, begin, until } = site({ link: 100, other: 1_000 });
    begin('a', ['link'], 1_000);
    begin('b', ['other'], 1_000, 50);
    begin('nothing', ['other'], 0, 50);
    await until(30_000);
    expect(ends).toEqual({ a: 'done at 10000', b: 'done at 20000', nothing: 'done at 0' });
  });

  it('share while they are together, and speed up when others end', async () => {
    const { ends, begin, until } = site({ link: 100 });
    begin('short', ['link'], 500);
    begin('long', ['link'], 1_000);
    await until(60_000);
    // Ten seconds at 50 each, then five at 100.
    expect(ends).toEqual({ short: 'done at 10000', long: 'done at 15000' });
  });

  it('say how far they are, and stay there when they end', async () => {
    const { begin, until } = site({ link: 100 });
    const cancelled = begin('a', ['link'], 10_000);
    const other = begin('b', ['link'], 10_000);
    await until(10_000);
    expect([cancelled.crossed(), other.crossed()]).toEqual([500, 500]);
    cancelled.cancel();
    await until(20_000);
    expect([other.crossed(), cancelled.crossed()]).toEqual([1_500, 500]);
  });

  it('are broken with their way, and nothing passes until it is up again', async () => {
    const { clock, streams, ends, begin, until } = site({ host: 100, wan: 100 });
    const broken = begin('a', ['host', 'wan'], 10_000);
    begin('local', ['host'], 2_000, 20);
    clock.schedule(instant(5_000), () => clock.schedule(instant(60_000), streams.disturb('wan', { factor: 0 })));
    await until(6_000);
    expect(streams.downOn(['wan'])).toBe('wan');
    expect(broken.crossed()).toBe(400);
    begin('early', ['host', 'wan'], 100);
    await until(200_000);
    expect(ends).toEqual({ a: 'broken at 5000 by wan', local: 'done at 100000', early: 'done at 61250' });
  });

  it('pass again when the last of several outages is over', async () => {
    const { clock, streams, until } = site({ wan: 100 });
    for (const [from, to] of [
      [1_000, 5_000],
      [3_000, 9_000],
    ] as const) {
      clock.schedule(instant(from), () => clock.schedule(instant(to), streams.disturb('wan', { factor: 0 })));
    }
    await until(6_000);
    expect(streams.downOn(['wan'])).toBe('wan');
    await until(9_000);
    expect(streams.downOn(['wan'])).toBeUndefined();
  });

  it('go on more slowly where a place has less left, or holds each stream to less', async () => {
    const { clock, streams, ends, begin, until } = site({ wan: 100, other: 100 });
    begin('slowed', ['wan'], 1_000);
    begin('held', ['other'], 1_000);
    clock.schedule(instant(5_000), () => clock.schedule(instant(9_000), streams.disturb('wan', { factor: 0.25 })));
    clock.schedule(instant(5_000), () =>
      clock.schedule(instant(9_000), streams.disturb('other', { factor: 1, streamMax: 50 })),
    );
    await until(60_000);
    // Four seconds at a quarter, four at a half.
    expect(ends).toEqual({ slowed: 'done at 13000', held: 'done at 12000' });
  });

  it('are held by the worst of what disturbs a place', async () => {
    const { streams, ends, begin, until } = site({ wan: 100 });
    const better = streams.disturb('wan', { factor: 0.5 });
    const worse = streams.disturb('wan', { factor: 0.1 });
    begin('a', ['wan'], 1_000);
    await until(10_000);
    worse();
    worse();
    await until(20_000);
    better();
    await until(60_000);
    expect(ends).toEqual({ a: 'done at 24000' });
  });

  it('never carry more than their places can, and lose nothing', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            at: fc.nat(20_000),
            length: fc.nat(5_000),
            path: fc.constantFrom(['a'], ['b'], ['a', 'link'], ['b', 'link']),
            streamMax: fc.constantFrom(30, 100, Infinity),
          }),
          { minLength: 1, maxLength: 12 },
        ),
        async (orders) => {
          const { clock, begin, ends } = site({ a: 80, b: 300, link: 120 });
          const begun: { readonly path: readonly string[]; readonly transfer: Transfer }[] = [];
          orders.forEach(({ at, length, path, streamMax }, i) =>
            clock.schedule(instant(at), () =>
              begun.push({ path, transfer: begin(String(i), path, length, streamMax) }),
            ),
          );
          const capacities = { a: 80, b: 300, link: 120 };
          let before = { a: 0, b: 0, link: 0 };
          const looking = async (): Promise<void> => {
            while (Object.keys(ends).length < orders.length) {
              await clock.wait(seconds(1));
              const sum = (place: string): number =>
                begun
                  .filter(({ path }) => path.includes(place))
                  .reduce((all, { transfer }) => all + transfer.crossed(), 0);
              const now = { a: sum('a'), b: sum('b'), link: sum('link') };
              for (const place of ['a', 'b', 'link'] as const)
                // Each counts whole bytes: up to one more per stream.
                expect(now[place] - before[place]).toBeLessThanOrEqual(capacities[place] + orders.length);
              before = now;
            }
          };
          await clock.run(looking());
          const total = orders.reduce((sum, { length }) => sum + length, 0);
          expect(begun.reduce((sum, { transfer }) => sum + transfer.crossed(), 0)).toBeGreaterThanOrEqual(
            total - orders.length,
          );
        },
      ),
      { numRuns: 30 },
    ));

  it('say what crossed each place, and when, whatever became of the streams', async () => {
    const { clock, streams, begin, until } = site({ host: 1_000, wan: 100 });
    begin('a', ['host', 'wan'], 60_000);
    begin('b', ['host', 'wan'], 60_000);
    begin('local', ['host'], 1_000_000, 100);
    clock.schedule(instant(1_000_000), () => streams.disturb('wan', { factor: 0 }));
    await until(1_800_000);
    // A quarter of an hour is 900 s; the way is 100 a second wide, and breaks after 1,000 s.
    expect(streams.usage()).toEqual({
      bucket: millis(900_000),
      carried: [
        [180_000, 100_000],
        [90_000, 10_000],
      ],
    });
  });

  it('are through in their order when one was slowed on its own for a while', async () => {
    const { clock, streams, ends, begin, until } = site({ wan: 1_000, host: 1_000 });
    begin('first', ['wan'], 850, 100);
    begin('a', ['wan'], 1_000, 100);
    begin('b', ['wan', 'host'], 900, 100);
    clock.schedule(instant(1_000), () =>
      clock.schedule(instant(8_000), streams.disturb('host', { factor: 1, streamMax: 1 })),
    );
    await until(30_000);
    expect(ends).toEqual({ first: 'done at 8500', a: 'done at 10000', b: 'done at 15930' });
  });

  it('end once, whatever was different on their way for no time at all', async () => {
    const { streams, until } = site({ wan: 200, host: 100 });
    let ends = 0;
    const order = { length: bytes(1_000), streamMax: 100, onDone: () => (ends += 1), onBroken: () => undefined };
    for (let n = 0; n < 3; n += 1) streams.begin({ ...order, path: ['wan'] });
    streams.begin({ ...order, path: ['wan', 'host'] });
    await until(5_000);
    streams.disturb('host', { factor: 1, streamMax: 50 })();
    await until(60_000);
    expect(ends).toBe(4);
  });

  it('go on where they were when a total of what was served is begun anew', async () => {
    const { streams, ends, begin, until } = site({ wan: 3_000_000_000 });
    const long = begin('long', ['wan'], 100_000_000_000_000, 1_000_000_000);
    const hours = 24;
    for (let hour = 0; hour < hours; hour += 1) {
      // The hour's own stream is through in the middle of it, and has the total looked at.
      const own = begin(String(hour), ['wan'], 1_800_000_000_000, 1_000_000_000);
      await until((hour + 0.25) * 3_600_000);
      expect(own.crossed()).toBe(900_000_000_000);
      await until((hour + 1) * 3_600_000);
      expect(ends[hour]).toBe(`done at ${(hour + 0.5) * 3_600_000}`);
      expect(long.crossed()).toBe((hour + 1) * 3_600_000_000_000);
    }
    await until(100_000_000);
    expect(ends['long']).toBe('done at 100000000');
    const [wan = []] = streams.usage().carried;
    expect(wan.reduce((sum, n) => sum + n, 0)).toBe(100_000_000_000_000 + hours * 1_800_000_000_000);
  });

  it('are what they were, whoever looks at them in between', async () => {
    const course = async (looks: boolean): Promise<unknown> => {
      const { clock, streams, ends, begin, until } = site({ host: 777, wan: 100 });
      const begun = [3, 7, 11].map((n) => begin(String(n), n === 7 ? ['host'] : ['host', 'wan'], n * 10_007, n * 13));
      const look = (): void => {
        if (looks) expect([streams.usage().bucket, ...begun.map((stream) => stream.crossed())]).toHaveLength(4);
      };
      for (let s = 1; s < 1_900; s += 1) clock.schedule(instant(s * 997), look);
      const crossed: number[] = [];
      for (let s = 1; s < 19; s += 1) {
        await until(s * 99_991);
        crossed.push(...begun.map((stream) => stream.crossed()));
      }
      return { ends, crossed };
    };
    expect(await course(true)).toEqual(await course(false));
  });
});
