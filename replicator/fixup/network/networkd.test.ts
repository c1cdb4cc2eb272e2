import { describe, expect, it } from 'vitest';
import { networkdFiles } from '#test/support/network-files';
import { movedNics, rendered } from '#test/support/network-samples';
import { networkd } from './networkd.ts';

const folder = '/etc/systemd/network';
const matching = (...lines: readonly string[]): string =>
  ['[Match]', ...lines, '', '[Network]', 'DHCP=yes', ''].join('\n');

describe('systemd-networkd', () => {
  it('finds by name, by the new driver and on the new platform what it found by place, driver and platform', () => {
    const { difference, found, findings } = rendered(networkd, networkdFiles);
    expect(difference).toMatchInlineSnapshot(`
      "/etc/systemd/network/10-uplink.network
      -Path = pci-0000:00:03.0
      +Name = ens3
      /etc/systemd/network/20-bonded.network
      -Driver=virtio_net
      -Virtualization=kvm
      +Driver=vmxnet3
      +Virtualization=vmware"
    `);
    expect(found).toEqual({
      ens3: { had: ['10-uplink.network'], has: ['10-uplink.network'] },
      ens4: { had: ['20-bonded.network'], has: ['20-bonded.network'] },
    });
    expect(findings).toEqual([]);
  });

  it('says which files name which', () => {
    const networks = networkd.collect(networkdFiles) ?? [];
    expect(networks.flatMap(({ id, uses }) => uses.map(({ as, name }) => `${id}: ${as} ${name}`))).toEqual([
      '20-bonded.network: bond bond0',
      '30-bond0.network: vlan vlan100',
      '40-vlan100.network: bridge br100',
    ]);
  });

  it('takes the first file that fits, in the order of their names', () => {
    const files = {
      [`${folder}/20-b.network`]: matching('Name=ens*'),
      [`${folder}/10-a.network`]: matching('Name=ens3 ens7'),
      [`${folder}/30-c.network`]: matching('Name=ens4'),
    };
    expect(rendered(networkd, files).found).toMatchObject({
      ens3: { has: ['10-a.network'] },
      ens4: { has: ['20-b.network'] },
    });
  });

  it('reads what is in a folder beside a file, and edits it there', () => {
    const [path, more] = [`${folder}/a.network`, `${folder}/a.network.d/10-match.conf`];
    const { files, found } = rendered(networkd, {
      [path]: '[Network]\nDHCP=yes\n',
      [more]: '[Match]\nDriver=virtio_net\n',
    });
    expect(files[more]).toBe('[Match]\nDriver=vmxnet3\n');
    expect(found['ens3']).toEqual({ had: ['a.network'], has: ['a.network'] });
  });

  it('takes no NIC for a file that matches nothing, or other kinds of devices', () => {
    const files = {
      [`${folder}/10-a.network`]: '[Network]\nDHCP=yes\n',
      [`${folder}/20-b.network`]: matching('Type=wlan'),
      [`${folder}/30-c.network`]: matching('Kind=bond vlan'),
      [`${folder}/40-d.network`]: matching('Type=!ether'),
      [`${folder}/50-e.network`]: matching('Type=ether', 'Kind=!*'),
    };
    expect(rendered(networkd, files).found['ens3']).toEqual({ had: ['50-e.network'], has: ['50-e.network'] });
  });

  it('takes several lines of one key for one list, and a sign for all of its words', () => {
    const files = {
      [`${folder}/a.network`]: matching('MACAddress=52:54:00:00:00:07', 'MACAddress=52-54-00-00-00-03'),
      [`${folder}/b.network`]: matching('Name=!ens3 ens5'),
    };
    expect(rendered(networkd, files).found).toMatchObject({
      ens3: { has: ['a.network'] },
      ens4: { has: ['b.network'] },
    });
  });

  it('follows NICs to other addresses, written as the old ones were', () => {
    const files = {
      [`${folder}/a.network`]: matching('MACAddress=52-54-00-00-00-03 52:54:00:00:00:04'),
      [`${folder}/b.network`]: '[Match]\nName=ens4\n[Link]\nMACAddress=52:54:00:00:00:04\n',
    };
    expect(rendered(networkd, files, { nics: movedNics }).difference).toMatchInlineSnapshot(`
      "/etc/systemd/network/a.network
      -MACAddress=52-54-00-00-00-03 52:54:00:00:00:04
      +MACAddress=00-50-56-00-00-03 00:50:56:00:00:04
      /etc/systemd/network/b.network
      -MACAddress=52:54:00:00:00:04
      +MACAddress=00:50:56:00:00:04"
    `);
  });

  it('turns a driver round that must not fit, and leaves what is for other hypervisors and other devices', () => {
    const path = `${folder}/a.network`;
    const after = (...lines: readonly string[]): string | undefined =>
      rendered(networkd, { [path]: matching(...lines) }).files[path];
    expect(after('Driver=!virtio_net hv_netvsc')).toBe(matching('Driver=!vmxnet3'));
    expect(after('Driver=!virtio_net')).toBe(matching('Driver=!vmxnet3'));
    for (const line of [
      'Virtualization=!kvm',
      'Virtualization=vm',
      'Virtualization=vmware',
      'Driver=mlx5_core',
      'Path=pci-*',
    ])
      expect(after(line)).toBe(matching(line));
    expect(after('Virtualization=kvm microsoft')).toBe(matching('Virtualization=vmware'));
  });

  it('fits the NIC of the target: what is for e1000 is for e1000e, and what is for either stays', () => {
    const path = `${folder}/a.network`;
    const after = (line: string): string | undefined =>
      rendered(networkd, { [path]: matching(line) }, { nicModel: 'e1000e' }).files[path];
    expect(after('Driver=e1000')).toBe(matching('Driver=e1000e'));
    expect(after('Driver=e1000*')).toBe(matching('Driver=e1000*'));
  });

  it('does not guess who was at a place', () => {
    const path = `${folder}/a.network`;
    const { plan, findings } = rendered(networkd, { [path]: matching('Path=pci-0000:00:1f.6') });
    expect(plan.edits).toEqual([]);
    expect(findings.map(({ id }) => id)).toEqual(['networkd:a.network']);
    const only = rendered(
      networkd,
      { [path]: matching('Path=pci-0000:00:1f.6') },
      { nics: [{ mac: '52:54:00:00:00:03', name: 'lan' }] },
    );
    expect(only.files[path]).toBe(matching('Name=lan'));
    expect(rendered(networkd, { [path]: matching('Path=pci-0000:00:03.0') }, { nics: [] }).findings).toHaveLength(1);
  });
});
