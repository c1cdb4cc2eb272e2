import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sourcePlatforms } from '#core/migration/plan';
import { bytes, bytesPerSecond, GiB, KiB } from '#core/units';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { generateFleet, type FleetShape } from './generate.ts';
import { guests } from './guest.ts';
import { profileNames, profiles } from './profiles.ts';

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

describe.each(profileNames)('a fleet of the profile %s', (profile) => {
  const of = (seed: number, vms: number) => generateFleet(seededRng(seed), { vms, profile, link: 'wan' });

  it('has as many VMs as asked for, each with a name of its own, and an order that leads back to nobody', () =>
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 120 }), (seed, vms) => {
        const { vms: made } = of(seed, vms);
        expect(made).toHaveLength(vms);
        const seen = new Set<string>();
        for (const { name, application, after = [] } of made) {
          // Who comes before stands before, and in the same application.
          for (const before of after) expect(seen.has(before)).toBe(true);
          for (const before of after) expect(before.startsWith(`${application}-`)).toBe(true);
          seen.add(name);
        }
        expect(seen.size).toBe(vms);
      }),
      { numRuns: 25 },
    ));

  it('has hosts of its platforms only, and the same bytes for the same seed', () => {
    const platforms: readonly string[] = profiles[profile].platforms;
    expect(of(3, 200).hosts.filter(({ platform }) => !platforms.includes(platform))).toEqual([]);
    expect(JSON.stringify(of(3, 200))).toBe(JSON.stringify(of(3, 200)));
  });
});

describe('a fleet of a bank', () => {
  const { vms } = generateFleet(seededRng(3), { vms: 500, profile: 'bank', link: 'wan' });

  it('is mostly applications of several tiers', () => {
    const inApplications = vms.filter(({ application }) => application !== undefined);
    expect(inApplications.length / vms.length).toBeGreaterThan(0.6);
    expect(vms.filter(({ after = [] }) => after.length > 0).length).toBeGreaterThan(150);
  });

  it('keeps its ledgers on the largest disks, and its directories on Windows', () => {
    const sizeOf = (tag: string): number =>
      mean(
        vms
          .filter(({ tags = [] }) => tags.includes(tag))
          .map(({ disks }) => disks.reduce((sum, { size }) => sum + size, 0)),
      );
    expect(sizeOf('ledger')).toBeGreaterThan(4 * sizeOf('web'));
    const directories = vms.filter(({ tags = [] }) => tags.includes('directory'));
    expect(directories.length).toBeGreaterThan(5);
    expect(directories.filter(({ guest }) => guests[guest].family !== 'windows')).toEqual([]);
  });
});
