import { expect, it } from 'vitest';
import { instant, millis } from '#core/units';
import { errand } from './errand.ts';
import { virtualClock } from './virtual-clock.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('goes on after a while, one thing after the other', async () => {
  const clock = virtualClock({ turn });
  const moments: number[] = [];
  const run = errand(clock, () => moments.push(-1));
  run.wait(millis(10), () => {
    moments.push(clock.now());
    run.wait(millis(5), () => {
      moments.push(clock.now());
      run.end();
    });
  });
  await clock.run(clock.wait(millis(100)));
  run.giveUp();
  expect(moments).toEqual([10, 15]);
});

it('calls off what is under way when it is given up, and says so once', async () => {
  const clock = virtualClock({ turn, start: instant(1_000) });
  const happened: string[] = [];
  const run = errand(clock, () => happened.push('given up'));
  run.wait(millis(10), () => happened.push('waited'));
  run.giveUp();
  run.giveUp();
  const other = errand(clock, () => happened.push('given up too'));
  other.attend(() => happened.push('called off'));
  other.giveUp();
  await clock.run(clock.wait(millis(100)));
  expect(happened).toEqual(['given up', 'called off', 'given up too']);
  expect([run.isOver, other.isOver]).toEqual([true, true]);
});
