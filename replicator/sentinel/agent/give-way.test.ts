import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RateLimit } from '#core/ports/guest-agent';
import { bytesPerSecond, MiB } from '#core/units';
import { nextRate, rateKeeper } from './give-way.ts';
import { pressureOf } from './pressure.ts';

const rate = (mib: number): RateLimit => bytesPerSecond(mib * MiB);

describe('reading under load', () => {
  it('is halved while others wait, and never stops', () => {
    let now: RateLimit = 'unlimited';
    const seen = Array.from({ length: 8 }, () => (now = nextRate(now, 'unlimited', 80)));
    expect(seen.map((each) => (each === 'unlimited' ? each : each / MiB))).toEqual([128, 64, 32, 16, 8, 4, 4, 4]);
  });

  it('is taken up again when they do not, up to what is allowed', () => {
    expect(nextRate(rate(4), 'unlimited', 0)).toBe(rate(8));
    expect(nextRate(rate(128), 'unlimited', 0)).toBe('unlimited');
    expect(nextRate(rate(8), rate(10), 0)).toBe(rate(10));
    expect(nextRate(rate(8), rate(10), 30)).toBe(rate(8));
  });

  it('is never faster than an operator allows, not even at the least', () => {
    expect(nextRate(rate(64), rate(2), 80)).toBe(rate(2));
    expect(nextRate('unlimited', rate(0), 0)).toBe(rate(0));
    expect(nextRate('unlimited', rate(0), 90)).toBe(rate(0));
  });

  it('is told to whoever reads when it changes, and only then', () => {
    const told: RateLimit[] = [];
    const keeper = rateKeeper((next) => told.push(next));
    for (const pressure of [0, 90, 90, 0, 0]) keeper.look(pressure);
    keeper.limit(rate(1));
    keeper.look(0);
    expect(told).toEqual([rate(128), rate(64), rate(128), 'unlimited', rate(1)]);
  });
});

describe('pressure', () => {
  let root: string;
  beforeEach(async () => {
    root = `${await mkdtemp(join(tmpdir(), 'sealift-pressure-'))}/`;
    for (const folder of ['proc/pressure', 'proc/self', 'sys/fs/cgroup/own'])
      await mkdir(join(root, folder), { recursive: true });
  });
  afterEach(() => rm(root, { recursive: true }));
  const some = (value: number): string =>
    `some avg10=${value.toFixed(2)} avg60=0.00 avg300=0.00 total=1\nfull avg10=9.00\n`;

  it('is what others wait for, without what is our own', async () => {
    for (const [what, value] of [
      ['cpu', 5],
      ['io', 70],
      ['memory', 1],
    ] as const)
      await writeFile(join(root, 'proc/pressure', what), some(value));
    expect(await pressureOf(root)).toBe(70);
    await writeFile(join(root, 'proc/self/cgroup'), '0::/own\n');
    await writeFile(join(root, 'sys/fs/cgroup/own/io.pressure'), some(60));
    expect(await pressureOf(root)).toBe(10);
  });

  it('is taken from the load where the kernel does not tell it', async () => {
    const pressure = await pressureOf(root);
    expect(pressure).toBeGreaterThanOrEqual(0);
    expect(pressure).toBeLessThanOrEqual(100);
  });
});
