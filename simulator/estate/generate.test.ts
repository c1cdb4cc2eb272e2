import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sourcePlatforms } from '#core/migration/plan';
import { bytes, bytesPerSecond, GiB, KiB } from '#core/units';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { generateFleet, type FleetShape } from './generate.ts';

const shape: FleetShape = {
  vms: 400,
  platforms: sourcePlatforms,
  diskSize: bytes(100 * GiB),
  writes: bytesPerSecond(512 * KiB),
  link: 'wan',
};
const fleet = (seed: number, more: Partial<FleetShape> = {}) => generateFleet(seededRng(seed), { ...shape, ...more });
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('a generated fleet', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(fleet(1)).toEqual(fleet(1));
    expect(fleet(1)).not.toEqual(fleet(2));
  });

  it('can be migrated, whatever its seed', () =>
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 40 }), (seed, vms) => {
        const { hosts, vms: made } = fleet(seed, { vms });
        expect(new Set(made.map(({ name }) => name)).size).toBe(vms);
        for (const vm of made) {
          expect(hosts.map(({ name }) => name)).toContain(vm.host);
          const used = vm.disks.reduce((sum, disk) => sum + disk.used, 0);
          expect(vm.disks.every((disk) => disk.used > 0 && disk.used <= disk.size && disk.size % 512 === 0)).toBe(true);
          expect(vm.writes.workingSet).toBeLessThanOrEqual(used);
        }
      }),
      { numRuns: 25 },
    ));

  it('has the shape it was asked for', () => {
    const { hosts, vms } = fleet(5);
    expect(hosts).toHaveLength(20);
    expect(new Set(hosts.map(({ platform }) => platform))).toEqual(new Set(sourcePlatforms));
    expect(mean(vms.map(({ disks }) => disks.reduce((sum, { size }) => sum + size, 0) / GiB))).toBeGreaterThan(80);
    expect(mean(vms.map(({ disks }) => disks.reduce((sum, { size }) => sum + size, 0) / GiB))).toBeLessThan(180);
    expect(mean(vms.map(({ writes }) => writes.rate / KiB))).toBeGreaterThan(300);
    expect(mean(vms.map(({ writes }) => writes.rate / KiB))).toBeLessThan(1_000);
    expect(new Set(vms.map(({ name }) => name.split('-')[0])).size).toBe(6);
  });
});
