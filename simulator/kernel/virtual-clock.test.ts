import { describe, expect, it } from 'vitest';
import { instant, millis, minutes, seconds } from '#core/units';
import { settledNothing } from './simulated-clock.ts';
import { virtualClock } from './virtual-clock.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const clockAt = (start = 0) => virtualClock({ turn, start: instant(start) });

describe('virtual time', () => {
  it('costs nothing', async () => {
    const clock = clockAt(1_000);
    await clock.run(clock.wait(minutes(60 * 24 * 365)));
    expect(clock.now()).toBe(1_000 + 365 * 86_400_000);
  });

  it('lets waits end in order of moment, then of asking', async () => {
    const clock = clockAt();
    const ended: string[] = [];
    const waiting = (name: string, ms: number): Promise<unknown> => clock.wait(millis(ms)).then(() => ended.push(name));
    await clock.run(Promise.all([waiting('late', 20), waiting('a', 10), waiting('b', 10), waiting('now', 0)]));
    expect(ended).toEqual(['now', 'a', 'b', 'late']);
  });

  it('stands still while anything can run', async () => {
    const clock = clockAt();
    const seen: number[] = [];
    const busy = async (): Promise<void> => {
      await clock.wait(millis(10));
      for (let hop = 0; hop < 10_000; hop += 1) await Promise.resolve();
      seen.push(clock.now());
    };
    await clock.run(Promise.all([busy(), clock.wait(millis(11))]));
    expect(seen).toEqual([10]);
  });

  it('takes no turn after an event that settled nothing, and one after what it ended all the same', async () => {
    const turnsOf = async (act: () => unknown, ending?: AbortController): Promise<number> => {
      let turns = 0;
      const counted = (): Promise<void> => ((turns += 1), turn());
      const clock = virtualClock({ turn: counted });
      const moments: number[] = [];
      void clock.wait(minutes(1), ending?.signal).then(() => moments.push(clock.now()));
      for (let ms = 1; ms <= 5; ms += 1) clock.schedule(instant(ms), act);
      await clock.run(clock.wait(millis(10)));
      expect(moments).toEqual(ending ? [1] : []);
      return turns;
    };
    const quiet = await turnsOf(() => settledNothing);
    expect(await turnsOf(() => undefined)).toBe(quiet + 5);
    const ending = new AbortController();
    const ends = (): unknown => (ending.abort(), settledNothing);
    expect(await turnsOf(ends, ending)).toBe(quiet + 1);
  });

  it('stands still while real work goes on', async () => {
    const clock = clockAt();
    const seen: number[] = [];
    const write = async (): Promise<void> => {
      await clock.wait(millis(10));
      await clock.hold(turn().then(turn).then(turn));
      seen.push(clock.now());
    };
    await clock.run(Promise.all([write(), clock.wait(millis(50))]));
    expect(seen).toEqual([10]);
  });

  it('ends an aborted wait at once, and does not come back to it', async () => {
    const clock = clockAt();
    const controller = new AbortController();
    const aborted = clock.wait(minutes(9), controller.signal).then(() => clock.now());
    const abort = clock.wait(seconds(1)).then(() => controller.abort());
    expect(await clock.run(Promise.all([aborted, abort]))).toEqual([1_000, undefined]);
    await clock.run(clock.wait(minutes(9), controller.signal));
    expect(clock.now()).toBe(1_000);
  });

  it.each(['always', 'asked'] as const)(
    'calls an alarm at its moment, unless it was called off (turns: %s)',
    async (turns) => {
      const clock = clockAt();
      const rang: string[] = [];
      let heard: () => void = () => undefined;
      const hearing = new Promise<void>((resolve) => (heard = resolve)).then(() =>
        rang.push(`heard at ${clock.now()}`),
      );
      const callOff = clock.alarm(seconds(2), () => rang.push('called off'));
      clock.alarm(seconds(1), () => (rang.push(`rang at ${clock.now()}`), callOff(), heard()));
      await clock.run(Promise.all([hearing, clock.wait(seconds(3))]), turns);
      expect(rang).toEqual(['rang at 1000', 'heard at 1000']);
    },
  );

  it('answers with what was waited for, or fails with it', async () => {
    const clock = clockAt();
    expect(await clock.run(clock.wait(seconds(1)).then(() => 'done'))).toBe('done');
    const failing = clock.wait(seconds(1)).then(() => Promise.reject(new Error('broken')));
    await expect(clock.run(failing)).rejects.toThrow('broken');
  });

  it('says so when nothing can happen any more', async () => {
    const clock = clockAt();
    await expect(clock.run(new Promise(() => undefined))).rejects.toThrow('nothing can happen any more');
  });

  it('has no events in its past', async () => {
    const clock = clockAt(5);
    expect(() => clock.schedule(instant(4), () => undefined)).toThrow('it is 5 already');
  });

  it('runs once at a time', async () => {
    const clock = clockAt();
    const first = clock.run(clock.wait(seconds(1)));
    await expect(clock.run(clock.wait(seconds(1)))).rejects.toThrow('runs already');
    await first;
  });
});

describe('what leaks the real world into virtual time', () => {
  const leak = (): number => performance.now();

  it('throws while an event is carried out, and is as it was after the run', async () => {
    const clock = clockAt();
    const { now } = performance;
    clock.schedule(instant(10), leak);
    await expect(clock.run(clock.wait(seconds(1)), 'asked')).rejects.toThrow('take a Clock');
    expect(performance.now).toBe(now);
  });

  it('throws in what promises lead to, unless turns are for those outside', async () => {
    const leaking = async (turns: 'always' | 'asked', isShared = false): Promise<unknown> => {
      const clock = virtualClock({ turn, isShared });
      return clock.run(clock.wait(seconds(1)).then(leak), turns);
    };
    await expect(leaking('always')).rejects.toThrow('take a Clock');
    expect(await leaking('asked')).toBeGreaterThan(0);
    expect(await leaking('always', true)).toBeGreaterThan(0);
  });

  it('is there for work that time stands still for', async () => {
    const clock = clockAt();
    const work = clock.wait(seconds(1)).then(() => clock.hold(turn().then(leak)));
    expect(await clock.run(work)).toBeGreaterThan(0);
  });

  it('throws for each of two that run on one thread', async () => {
    const [one, other] = [clockAt(), clockAt()];
    const quiet = one.run(one.wait(seconds(1)), 'asked');
    other.schedule(instant(10), leak);
    await expect(other.run(other.wait(seconds(1)), 'asked')).rejects.toThrow('take a Clock');
    await quiet;
    expect(leak()).toBeGreaterThan(0);
  });
});
