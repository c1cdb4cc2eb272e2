import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, bytesPerSecond, MiB } from '#core/units';
import { bytesPerSecondMax, bytesPerSecondMin, guestPlan } from './guest-plan.ts';

const load = fc.record({
  diskSize: fc.integer({ min: 32, max: 4096 }).map((n) => bytes(n * MiB)),
  bytesPerSecond: fc.integer({ min: bytesPerSecondMin, max: bytesPerSecondMax }).map(bytesPerSecond),
  seed: fc.nat(),
  disks: fc.constant(['vda']),
});

describe('guestPlan', () => {
  it('never lets the guest write faster than the plan says, and hardly slower', () => {
    fc.assert(
      fc.property(load, (given) => {
        const { chunk, steps, pause } = guestPlan(given);
        const rate = (2 * chunk * steps * 100) / pause;
        expect(rate).toBeLessThanOrEqual(given.bytesPerSecond);
        expect(rate).toBeGreaterThan(given.bytesPerSecond * 0.75);
      }),
    );
  });

  it('keeps raw writes inside the raw area and files inside a quarter of the file system', () => {
    fc.assert(
      fc.property(load, (given) => {
        const { rawStart, rawLength, chunk, files } = guestPlan(given);
        expect(rawStart + rawLength).toBe(given.diskSize);
        expect(chunk).toBeLessThanOrEqual(rawLength);
        expect(files * chunk).toBeLessThanOrEqual(rawStart / 4);
        expect(files).toBeGreaterThan(0);
      }),
    );
  });
});
