import { describe, expect, it } from 'vitest';
import { netplanFiles } from '#test/support/network-files';
import { movedNics, rendered } from '#test/support/network-samples';
import { netplan } from './netplan.ts';

const cloud = '/etc/netplan/50-cloud-init.yaml';

describe('netplan', () => {
  it('matches the new driver where it matched the old one, and changes nothing else', () => {
    const { difference, found, findings } = rendered(netplan, netplanFiles);
    expect(difference).toMatchInlineSnapshot(`
      "/etc/netplan/50-cloud-init.yaml
      -                driver: hv_netvsc   # the synthetic NIC
      +                driver: vmxnet3   # the synthetic NIC"
    `);
    expect(found).toEqual({ ens3: { had: ['primary'], has: ['primary'] }, ens4: { had: ['ens4'], has: ['ens4'] } });
    expect(findings).toEqual([]);
  });

  it('says which definitions name which', () => {
    const networks = netplan.collect(netplanFiles) ?? [];
    expect(networks.flatMap(({ id, uses }) => uses.map(({ as, name }) => `${id}: ${as} ${name}`))).toEqual([
      'bond0: member ens4',
      'bond0: member ens4',
      'br100: port bond0.100',
      'bond0.100: parent bond0',
    ]);
  });

  it('keeps quotes, and writes an address as the old one was written', () => {
    expect(rendered(netplan, { [cloud]: netplanFiles[cloud] }, { nics: movedNics }).difference).toMatchInlineSnapshot(`
      "/etc/netplan/50-cloud-init.yaml
      -                driver: hv_netvsc   # the synthetic NIC
      -                macaddress: "52:54:00:00:00:03"
      +                driver: vmxnet3   # the synthetic NIC
      +                macaddress: "00:50:56:00:00:03""
    `);
  });

  it('takes a list of drivers, each once', () => {
    const text = (drivers: string): string =>
      `network: {ethernets: {all: {match: {driver: ${drivers}}, dhcp4: true}}}\n`;
    const after = (drivers: string): string | undefined => rendered(netplan, { [cloud]: text(drivers) }).files[cloud];
    expect(after('[virtio_net, hv_netvsc]')).toBe(text('[vmxnet3]'));
    expect(after('virtio*')).toBe(text('vmxnet3'));
    expect(after('"virtio_net"')).toBe(text('"vmxnet3"'));
    expect(after('[virtio_net, vmxnet3]')).toBe(text('[vmxnet3]'));
    expect(after('vmxnet3')).toBe(text('vmxnet3'));
  });

  it('takes a later file for what it overrules, and adds the rest', () => {
    const later = 'network:\n  ethernets:\n    primary:\n      match:\n        driver: vmxnet3\n';
    const { plan, found } = rendered(netplan, { ...netplanFiles, '/etc/netplan/99-later.yaml': later });
    expect(plan.edits).toEqual([]);
    expect(found['ens3']).toMatchObject({ has: ['primary'] });
  });

  it('warns of a driver and of a NIC that the target has not, and lets optional ones be', () => {
    const text = [
      ...['network:', '  ethernets:', '    sriov:', '      match: {driver: mlx5_core}', '    ens9: {dhcp4: true}'],
      ...['    ens8: {optional: true}', '    ens3: {wakeonlan: true, macaddress: 02:00:00:00:00:01}'],
    ].join('\n');
    expect(rendered(netplan, { [cloud]: text }).findings.map(({ message }) => message)).toEqual([
      `${cloud}: no NIC of the target has the driver mlx5_core (sriov)`,
      `${cloud}: no NIC of the target is called ens9 (ens9)`,
      `${cloud}: ens3 sends from 02:00:00:00:00:01, which is the address of no NIC of the target`,
      `${cloud}: ens3 has settings that the new driver may not take: wakeonlan: true`,
    ]);
  });

  it('leaves a file alone that netplan could not read, and one that is about something else', () => {
    for (const text of [
      'network: {ethernets: {ens3: {match: {driver: virtio_net}}',
      '- a list\n',
      'network: none\n',
      '',
    ])
      expect(netplan.collect({ [cloud]: text })).toBeUndefined();
    expect(netplan.collect({ [cloud]: 'network:\n  ethernets:\n    ens3:\n' })?.map(({ id }) => id)).toEqual(['ens3']);
  });
});
