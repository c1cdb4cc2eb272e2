import { describe, expect, it } from 'vitest';
import { keyfileFiles } from '#test/support/network-files';
import { movedNics, rendered } from '#test/support/network-samples';
import { keyfile } from './keyfile.ts';

const folder = '/etc/NetworkManager/system-connections';

describe('keyfiles of NetworkManager', () => {
  it('finds by the new driver and by name what it found by the old driver and by place', () => {
    const { difference, found, findings } = rendered(keyfile, keyfileFiles);
    expect(difference).toMatchInlineSnapshot(`
      "/etc/NetworkManager/system-connections/any.nmconnection
      -driver=virtio_net;
      -path=pci-0000:00:04.0;
      +driver=vmxnet3;
      +interface-name=ens4"
    `);
    expect(found).toEqual({
      ens3: { had: ['ens3'], has: ['ens3'] },
      ens4: { had: ['any virtio NIC', 'bond0 port'], has: ['any virtio NIC', 'bond0 port'] },
    });
    expect(findings).toEqual([]);
  });

  it('says which connections name which, by name and by UUID', () => {
    const networks = keyfile.collect(keyfileFiles) ?? [];
    expect(networks.flatMap(({ id, uses }) => uses.map(({ as, name }) => `${id}: ${as} ${name}`))).toEqual([
      'bond0: member ens4',
      'bond0 port: bond 5a1f8a3c-0000-4000-8000-0000000000b0',
      'vlan100: bridge br100',
      'vlan100: parent bond0',
    ]);
  });

  it('follows NICs to other addresses', () => {
    const path = `${folder}/ens3.nmconnection`;
    expect(rendered(keyfile, { [path]: keyfileFiles[path] }, { nics: movedNics }).difference).toMatchInlineSnapshot(`
      "/etc/NetworkManager/system-connections/ens3.nmconnection
      -mac-address=52:54:00:00:00:03
      +mac-address=00:50:56:00:00:03"
    `);
  });

  it('comments out a place where the name is asked for already', () => {
    const path = `${folder}/ens3.nmconnection`;
    const text = '[connection]\ninterface-name=ens3\n[match]\n  path=pci-0000:00:03.0;\n';
    expect(rendered(keyfile, { [path]: text }).files[path]).toBe(text.replace('  path', '  # path'));
  });

  it('turns round what must not fit, and lists what may', () => {
    const path = `${folder}/x`;
    const matching = (line: string): string => `[connection]\nid=x\n[match]\n${line}\n`;
    const after = (line: string): string | undefined => rendered(keyfile, { [path]: matching(line) }).files[path];
    expect(after('driver=!virtio_net;')).toBe(matching('driver=!vmxnet3;'));
    expect(after('driver=virtio_net;hv_netvsc;mlx5_core;')).toBe(matching('driver=vmxnet3;mlx5_core;'));
    expect(rendered(keyfile, { [path]: matching('interface-name=ens3;ens7;') }).found).toMatchObject({
      ens3: { has: ['x'] },
      ens4: { has: [] },
    });
    expect(rendered(keyfile, { [path]: matching('interface-name=!ens3;') }).found).toMatchObject({
      ens3: { has: [] },
      ens4: { has: ['x'] },
    });
  });

  it('takes no NIC whose address is on the list of those it must not take', () => {
    const text = (...macs: readonly string[]): string =>
      `[connection]\nid=x\n[ethernet]\nmac-address-denylist=${macs.map((mac) => `${mac};`).join('')}\n`;
    const path = `${folder}/x`;
    const { files, found } = rendered(
      keyfile,
      { [path]: text('52:54:00:00:00:03', '52:54:00:00:00:09') },
      { nics: movedNics },
    );
    expect(files[path]).toBe(text('00:50:56:00:00:03', '52:54:00:00:00:09'));
    expect(found).toEqual({ ens3: { had: [], has: [] }, ens4: { had: ['x'], has: ['x'] } });
    const one = rendered(keyfile, { [path]: text('52:54:00:00:00:03') }, { nics: movedNics });
    expect(one.files[path]).toBe(text('00:50:56:00:00:03'));
  });

  it('warns of a place of which it is not known who was there', () => {
    const text = '[connection]\nid=far\n[match]\npath=pci-0000:7f:00.0;\n';
    const { plan, findings } = rendered(keyfile, { [`${folder}/far`]: text });
    expect(plan.edits).toEqual([]);
    expect(findings).toEqual([
      {
        id: 'networkmanager-keyfile:far',
        message: `${folder}/far: path=pci-0000:7f:00.0 is a place, and it is not known which NIC was there`,
      },
    ]);
  });

  it('warns of settings of a driver and of an address that is made up, not of one that is chosen by a word', () => {
    const text = (mac: string): string =>
      `[connection]\nid=x\ninterface-name=ens3\n[ethernet]\ncloned-mac-address=${mac}\n[ethtool]\nfeature-tso=false\n`;
    const ids = (mac: string): readonly string[] =>
      rendered(keyfile, { [`${folder}/x`]: text(mac) }).findings.map(({ id }) => id);
    expect(ids('02:00:00:00:00:01')).toEqual(['networkmanager-keyfile:x:mac', 'networkmanager-keyfile:x:options']);
    expect(ids('stable')).toEqual(['networkmanager-keyfile:x:options']);
  });

  it('reads neither hidden files nor those that were left behind', () => {
    expect(
      keyfile.collect({ [`${folder}/.x`]: '[connection]\n', [`${folder}/x~`]: '', [`${folder}/x.bak`]: '' }),
    ).toBeUndefined();
  });
});
