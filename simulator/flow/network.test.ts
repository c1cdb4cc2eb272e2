import { describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import { bytes, bytesPerSecond, GiB, millis, ratio } from '#core/units';
import type { Estate, EstateVm } from '#simulator/estate/estate';
import { assumptionsWith, defaultAssumptions } from './assumptions.ts';
import { placesOf, sharedWays, wayOf } from './network.ts';

const vm: EstateVm = {
  name: 'web-1',
  host: 'kvm-1',
  link: 'wan',
  guest: 'debian-12',
  disks: [{ id: diskId('vda'), size: bytes(20 * GiB), used: bytes(8 * GiB), tracked: true }],
  writes: { rate: bytesPerSecond(0), pattern: 'steady', workingSet: bytes(0) },
};
const plain: Estate = {
  hosts: [{ name: 'kvm-1', platform: 'kvm', read: bytesPerSecond(253_000_000) }],
  links: [{ name: 'wan', bandwidth: bytesPerSecond(125_000_000), latency: millis(5), loss: ratio(0, 1) }],
  gateway: { bandwidth: bytesPerSecond(200_000_000), flow: bytesPerSecond(125_000_000) },
  receiver: { bandwidth: bytesPerSecond(200_000_000), flow: bytesPerSecond(125_000_000) },
  vms: [vm],
};
const full: Estate = {
  ...plain,
  hosts: plain.hosts.map((host) => ({ ...host, cores: 2 })),
  gateway: { ...plain.gateway, cores: 4 },
  receiver: { ...plain.receiver, cores: 8 },
  datastores: [{ name: 'gold', write: bytesPerSecond(90_000_000), capacity: bytes(GiB) }],
};
const inGold = { ...vm, datastore: 'gold' };

describe('the places of a network', () => {
  it('are disks, appliances and links, and no more than an estate tells of', () => {
    expect([...placesOf(plain, defaultAssumptions.compute).keys()]).toEqual([
      'host kvm-1',
      'gateway',
      'link wan',
      'receiver',
    ]);
    expect(wayOf(plain, vm, defaultAssumptions).path).toEqual(['host kvm-1', 'gateway', 'link wan', 'receiver']);
  });

  it('are processors and datastores too, and every way leads over places that there are', () => {
    const compute = assumptionsWith({ compute: { streamPerCore: bytesPerSecond(10_000_000) } });
    const places = placesOf(full, compute.compute);
    const way = wayOf(full, inGold, compute, []);
    expect(way.path).toEqual([
      'host kvm-1',
      'host kvm-1 processors',
      'gateway',
      'gateway processors',
      'link wan',
      'receiver',
      'receiver processors',
      'datastore gold',
    ]);
    expect(way.read.path).toEqual(['host kvm-1', 'host kvm-1 processors']);
    expect(way.path.map((place) => places.get(place))).toEqual([253e6, 2e9, 200e6, 40e6, 125e6, 200e6, 80e6, 90e6]);
    // One stream is encrypted on one core, however many there are.
    expect(way.streamMax).toBe(10_000_000);
  });

  it('are the sentinel’s too where something may happen to it', () =>
    expect(wayOf(plain, vm, defaultAssumptions, ['sentinel web-1']).read.path).toEqual([
      'sentinel web-1',
      'host kvm-1',
    ]));

  it('are one way for all VMs that take the same, and no other for any', () => {
    const ways = sharedWays(full, defaultAssumptions);
    const twice = { ...vm, disks: [...vm.disks, ...vm.disks] };
    for (const each of [vm, inGold, twice, { ...twice, name: 'web-2' }, { ...inGold, name: 'web-3' }])
      expect(ways(each)).toEqual(wayOf(full, each, defaultAssumptions));
    expect(ways({ ...inGold, name: 'web-3' })).toBe(ways(inGold));
  });

  it('hold a stream to what TCP makes of loss', () => {
    const lossy = (percent: number): number =>
      wayOf(
        { ...plain, links: plain.links.map((link) => ({ ...link, loss: ratio(percent * 100, 10_000) })) },
        vm,
        defaultAssumptions,
      ).streamMax;
    expect(lossy(0)).toBe(76_500_000);
    // 8 x 1448 x 1.22 / (10 ms x the root of the loss)
    expect(lossy(1)).toBe(Math.floor((8 * 1_448 * 1.22) / (0.01 * 0.1)));
    expect(lossy(4)).toBe(Math.floor(lossy(1) / 2));
  });
});
