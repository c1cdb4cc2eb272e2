import { describe, expect, it } from 'vitest';
import { instant, millis, minutes, seconds } from '#core/units';
import { pacedClock } from './paced-clock.ts';
import { virtualClock } from './virtual-clock.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

// Stands for the machine's clock. It moves only when the clock under test, which takes a turn for each of its steps, has
// come to rest.
const realClock = () =>
  virtualClock({
    turn: async () => {
      for (let i = 0; i < 12; i += 1) await turn();
    },
  });

describe('paced time', () => {
  it('shows an hour in a minute', async () => {
    const real = realClock();
    const clock = pacedClock({ speed: 60, clock: real, turn, start: instant(1_000_000) });
    await real.run(clock.run(clock.wait(minutes(60))));
    expect(clock.now()).toBe(1_000_000 + 3_600_000);
    expect(real.now()).toBe(60_000);
  });

  it('has events at the very moments of virtual time', async () => {
    const moments = async (
      clock: ReturnType<typeof virtualClock>,
      around: (run: Promise<unknown>) => Promise<unknown>,
    ) => {
      const seen: number[] = [];
      const ticking = async (): Promise<void> => {
        for (const ms of [7, 1_234, 60_001, 3, 0]) {
          await clock.wait(millis(ms));
          seen.push(clock.now());
        }
      };
      await around(clock.run(ticking()));
      return seen;
    };
    const real = realClock();
    const paced = await moments(pacedClock({ speed: 60, clock: real, turn }), (run) => real.run(run));
    expect(paced).toEqual(await moments(virtualClock({ turn }), (run) => run));
  });

  it('moves between events, and never beyond the next one', async () => {
    const real = realClock();
    const clock = pacedClock({ speed: 10, clock: real, turn });
    const seen: number[] = [];
    const looking = async (): Promise<void> => {
      for (let i = 0; i < 3; i += 1) {
        await real.wait(millis(40));
        seen.push(clock.now());
      }
    };
    await real.run(Promise.all([clock.run(clock.wait(seconds(1))), looking()]));
    expect(seen).toEqual([400, 800, 1_000]);
  });

  it('wakes for what somebody outside asks for meanwhile', async () => {
    const real = realClock();
    const clock = pacedClock({ speed: 60, clock: real, turn });
    const command = real.wait(seconds(1)).then(() => clock.wait(seconds(30)));
    await real.run(clock.run(command));
    // One real second until the command, half a one for its thirty simulated seconds.
    expect([real.now(), clock.now()]).toEqual([1_500, 90_000]);
  });

  it('waits for somebody outside when nothing is left to happen', async () => {
    const real = realClock();
    const clock = pacedClock({ speed: 60, clock: real, turn });
    await real.run(clock.run(real.wait(minutes(3))));
    expect(clock.now()).toBe(0 + 180 * 60_000);
  });

  it('does not make up for hours in which the machine slept', async () => {
    const real = realClock();
    let slept = 0;
    const clock = pacedClock({
      speed: 1,
      turn,
      clock: { now: () => instant(real.now() + slept), wait: (duration, signal) => real.wait(duration, signal) },
    });
    const seen: number[] = [];
    const ticking = async (): Promise<void> => {
      await clock.wait(seconds(10));
      slept = 3_600_000;
      await clock.wait(seconds(10));
      await clock.wait(seconds(10));
      seen.push(real.now());
    };
    await real.run(clock.run(ticking()));
    expect(seen[0]).toBeGreaterThanOrEqual(20_000);
  });
});
