import { expect, it } from 'vitest';
import { diskId } from '#core/ids';
import type { RoundProgress } from '#core/migration/facts';
import { bytes, instant, round } from '#core/units';
import { roundProgress } from './round-progress.ts';

it('adds up all disks, once all have said what they have to do, and no more than once a second', () => {
  const [vda, vdb] = [diskId('vda'), diskId('vdb')];
  const said: RoundProgress[] = [];
  let now = 0;
  const clock = { now: () => instant(now), wait: () => Promise.resolve() };
  const progress = roundProgress({ round: round(3), disks: [vda, vdb], clock }, (one) => said.push(one));
  const take = (at: number, disk: typeof vda, done: number): void => {
    now = at;
    progress.take(disk, { done: bytes(done), total: bytes(100), read: bytes(done), sent: bytes(done) });
  };
  take(0, vda, 10); // vdb has not said anything yet
  take(100, vdb, 0);
  take(200, vdb, 20); // too soon
  take(1_100, vdb, 30);
  take(2_200, vdb, 30); // nothing has moved
  take(2_300, vda, 100);
  expect(said.map(({ done, total }) => [done, total])).toEqual([
    [10, 200],
    [40, 200],
    [130, 200],
  ]);
  expect(said[0]).toMatchObject({ round: 3, sent: 10 });
});

it('says no less of a round than was said of it before this process took it up, and of another what is true', () => {
  const vda = diskId('vda');
  const saidOf = (number: number): readonly number[] => {
    const said: RoundProgress[] = [];
    let now = 0;
    const clock = { now: () => instant(now), wait: () => Promise.resolve() };
    const before = { round: round(3), done: bytes(40) };
    const order = { round: round(number), disks: [vda], clock, said: before };
    const progress = roundProgress(order, (one) => said.push(one));
    for (const done of [0, 30, 40, 50]) {
      now += 2_000;
      progress.take(vda, { done: bytes(done), total: bytes(100), read: bytes(done), sent: bytes(done) });
    }
    return said.map(({ done }) => done);
  };
  expect(saidOf(3)).toEqual([50]);
  expect(saidOf(4)).toEqual([0, 30, 40, 50]);
});
