import { describe, expect, it } from 'vitest';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { soundReplica, through, type FailingSyncs, type Fate } from '#test/support/replica-walks';

describe('a replica on a disk that loses what was not synced', () => {
  it('has all that was acked, wherever power fails, and takes the rest again', async () => {
    const steps = await through(0, []);
    expect(steps).toBeGreaterThan(50);
    for (let step = 1; step <= steps; step += 1) await through(step, [step]);
  });

  it('has all that was acked, when power fails again and again', async () => {
    for (let seed = 0; seed < 80; seed += 1) {
      const rng = seededRng(seed).fork('crashes');
      await through(
        seed,
        Array.from({ length: rng.between(2, 8) }, () => rng.between(1, 80)),
      );
    }
  });

  const target = '/data/disk.raw';
  const syncsFail: readonly [what: string, of: FailingSyncs['of']][] = [
    ['its records', (path) => path !== target],
    ['its disk', (path) => path === target],
    ['anything', () => true],
  ];
  for (const [what, of] of syncsFail)
    it(`has all that was acked, when syncs of ${what} fail, its process dies, and power fails`, async () => {
      for (let seed = 0; seed < 80; seed += 1) {
        const rng = seededRng(seed).fork('crashes');
        const crashes = Array.from({ length: rng.between(1, 4) }, () => rng.between(20, 150));
        const fateOf = (): Fate => rng.pick(['power', 'kill']);
        await through(seed, crashes, { syncs: { rate: { numerator: 1, denominator: 6 }, of }, fateOf });
      }
    });

  it('gives nobody what is not theirs, whatever happens to it', async () => {
    for (let seed = 1; seed <= 40; seed += 1) await soundReplica(seed);
  });
});
