import { describe, expect, it } from 'vitest';
import { eniFiles } from '#test/support/network-files';
import { movedNics, rendered } from '#test/support/network-samples';
import { eni } from './eni.ts';

const interfaces = '/etc/network/interfaces';

describe('ENI', () => {
  it('reads what is sourced, and says which names lead where', () => {
    const networks = eni.collect(eniFiles) ?? [];
    expect(networks.map(({ id, kind, isNeeded }) => [id, kind, isNeeded])).toEqual([
      ['bond0', 'virtual', true],
      ['bond0.100', 'virtual', true],
      ['br100', 'virtual', true],
      ['lo', 'virtual', true],
      ['ens3', 'nic', false],
    ]);
    expect(networks.flatMap(({ id, uses }) => uses.map(({ as, name }) => `${id}: ${as} ${name}`))).toEqual([
      'bond0: member ens4',
      'bond0: member ens4',
      'bond0.100: parent bond0',
      'br100: port bond0.100',
    ]);
  });

  it('leaves alone what knows NICs by names that are kept', () => {
    const { plan, found } = rendered(eni, eniFiles);
    expect(plan).toEqual({ edits: [], findings: [] });
    expect(found).toEqual({ ens3: { had: ['ens3'], has: ['ens3'] }, ens4: { had: [], has: [] } });
  });

  it('does not read what nothing sources', () => {
    const { [interfaces]: main, ...others } = eniFiles;
    const alone = { ...others, [interfaces]: main.replace(/^source .*$/m, '') };
    expect(eni.collect(alone)?.map(({ id }) => id)).toEqual(['lo', 'ens3']);
    const folder = { ...others, [interfaces]: main.replace(/^source .*$/m, 'source-directory interfaces.d') };
    expect(eni.collect(folder)?.map(({ id }) => id)).toContain('br100');
    expect(eni.collect({ '/etc/fstab': '' })).toBeUndefined();
  });

  it('takes an alias for its NIC, a dotted name for a VLAN, and an old VLAN by its device', () => {
    const text = [
      ...['iface ens3:1 inet static', '  address 192.0.2.11/24', 'iface ens4.7 inet dhcp'],
      ...['iface vlan8 inet dhcp', '  vlan_raw_device ens4', 'iface br0 inet manual', '  bridge_ports all regex en.*'],
      ...[
        'iface gre1 inet tunnel',
        'iface dummy0 inet manual',
        'iface veth inet manual',
        '  pre-up ip link add veth type veth',
      ],
    ].join('\n');
    const networks = eni.collect({ [interfaces]: text }) ?? [];
    expect(networks.map(({ id, kind }) => `${id} ${kind}`)).toEqual([
      ...['ens3:1 nic', 'ens4.7 virtual', 'vlan8 virtual', 'br0 virtual', 'gre1 virtual', 'dummy0 virtual'],
      'veth virtual',
    ]);
    expect(networks.flatMap(({ uses }) => uses.map(({ name }) => name))).toEqual(['ens4', 'ens4']);
    expect(rendered(eni, { [interfaces]: text }).found['ens3']).toEqual({ had: ['ens3:1'], has: ['ens3:1'] });
  });

  it('warns of a NIC that the boot waits for and nobody has, of settings of a driver, and of an address of its own', () => {
    const text = [
      ...['auto ens3', 'auto ens9', 'iface ens9 inet dhcp', 'iface ens3 inet dhcp'],
      ...[
        '  hwaddress ether 02:00:00:00:00:01',
        '  post-up ethtool -K ens3 tso off',
        '  post-up ip route add default via 192.0.2.1',
      ],
    ].join('\n');
    const { plan, findings } = rendered(eni, { [interfaces]: text });
    expect(plan.edits).toEqual([]);
    expect(findings).toEqual([
      { id: 'eni:ens9', message: '/etc/network/interfaces: no NIC of the target is called ens9 (ens9)' },
      {
        id: 'eni:ens3:mac',
        message:
          '/etc/network/interfaces: ens3 sends from 02:00:00:00:00:01, which is the address of no NIC of the target',
      },
      {
        id: 'eni:ens3:options',
        message:
          '/etc/network/interfaces: ens3 has settings that the new driver may not take: post-up ethtool -K ens3 tso off',
      },
    ]);
  });

  it('sets the address that a NIC has now, where it set the one it had', () => {
    const text = 'iface ens3 inet dhcp\n\thwaddress ether 52:54:00:00:00:03\n';
    expect(rendered(eni, { [interfaces]: text }, { nics: movedNics }).difference).toMatchInlineSnapshot(`
      "/etc/network/interfaces
      -	hwaddress ether 52:54:00:00:00:03
      +	hwaddress ether 00:50:56:00:00:03"
    `);
  });
});
