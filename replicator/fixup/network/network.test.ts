import { describe, expect, it } from 'vitest';
import { fits, holds, macOf, nicAtPlace, onSource, onTarget, type Term } from './network.ts';

const term = (by: Term['by'], ...values: readonly string[]): Term => ({ by, values, key: by });
const nic = { mac: '00:50:56:00:00:03', name: 'enp1s0', formerMac: '52:54:00:00:00:03' };
const other = { mac: '52:54:00:00:00:04', name: 'enp2s0f1' };
const target = { nicModel: 'vmxnet3' as const, nics: [nic, other] };

describe('a NIC', () => {
  it.each<readonly [Term, string, string]>([
    [term('name', 'enp*'), 'yes', 'yes'],
    [term('name', '!enp1s0'), 'no', 'no'],
    [term('name', 'enp9s0', 'enp1s0'), 'yes', 'yes'],
    [term('mac', '52-54-00-00-00-03'), 'yes', 'no'],
    [term('mac', '0050.5600.0003'), 'no', 'yes'],
    [term('driver', 'virtio_net'), 'yes', 'no'],
    [term('driver', 'vmxnet3'), 'unknown', 'yes'],
    [term('driver', '!vmxnet3'), 'unknown', 'no'],
    [term('driver', 'mlx5_core'), 'no', 'no'],
    [term('driver', '*'), 'yes', 'yes'],
    [term('path', 'pci-0000:01:00.0'), 'yes', 'no'],
    [term('path', 'pci-0000:02:00.1'), 'no', 'no'],
    [term('path', 'pci-0000:07:00.0'), 'unknown', 'no'],
    [term('path', 'pci-*'), 'yes', 'yes'],
    [term('platform', 'kvm'), 'yes', 'no'],
    [term('platform', 'vmware'), 'unknown', 'yes'],
    [term('platform', 'vm'), 'yes', 'yes'],
    [term('kernelName', '*'), 'yes', 'yes'],
    [term('kernelName', 'eth1'), 'unknown', 'unknown'],
    [term('kernelName', 'wlan*'), 'no', 'no'],
  ])('%j: %s on the source and %s on the target', (one, source, there) => {
    expect([holds(one, onSource(nic, target)), holds(one, onTarget(nic, target))]).toEqual([source, there]);
  });

  it('is known by its place if its name was made from it, or if it is the only one', () => {
    const nics = [nic, other, { mac: '', name: 'ens10' }, { mac: '', name: 'enP1p0s16' }];
    const at = (place: string): string | undefined => nicAtPlace(place, nics)?.name;
    expect(at('pci-0000:01:00.0')).toBe('enp1s0');
    expect(at('virtio-pci-0000:01:00.0')).toBe('enp1s0');
    expect(at('pci-0000:02:00.1')).toBe('enp2s0f1');
    expect(at('pci-0000:00:0a.0')).toBe('ens10');
    expect(at('pci-0001:00:10.0')).toBe('enP1p0s16');
    expect(at('pci-0000:0[12]:00.?')).toBeUndefined();
    expect(nicAtPlace('acpi-VMBUS:00', [nic])).toBe(nic);
  });
});

describe('patterns', () => {
  it.each([
    ['ens3', 'ens3', true],
    ['ens3', 'ens31', false],
    ['en?3', 'ens31', false],
    ['en?3', 'vens3', false],
    ['en[!s]*', 'enp1s0', true],
    ['en[!s]*', 'ens3', false],
    ['ens[1-3]', 'ens2', true],
    ['{ens,eth}?', 'eth0', true],
    ['a,b*', 'a,bc', true],
    ['ens3.*', 'ens3x', false],
    ['ens[', 'ens[', false],
  ])('%s and %s: %s', (pattern, word, does) => expect(fits(pattern, word)).toBe(does));

  it('know an address in whichever form', () => {
    for (const text of ['52:54:00:AB:cd:03', '52-54-00-ab-cd-03', '5254.00ab.cd03'])
      expect(macOf(text)).toBe('52:54:00:ab:cd:03');
    expect(macOf('Stable')).toBe('stable');
  });
});
