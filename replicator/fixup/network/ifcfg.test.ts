import { describe, expect, it } from 'vitest';
import { redHatFiles, suseFiles } from '#test/support/network-files';
import { movedNics, rendered } from '#test/support/network-samples';
import { ifcfg } from './ifcfg.ts';

const scripts = '/etc/sysconfig/network-scripts';
const suse = '/etc/sysconfig/network';

describe('ifcfg of Red Hat', () => {
  it('leaves alone what finds its NIC by name and by an address that is kept', () => {
    const { plan, found } = rendered(ifcfg, redHatFiles);
    expect(plan).toEqual({ edits: [], findings: [] });
    expect(found).toEqual({ ens3: { had: ['ens3'], has: ['ens3'] }, ens4: { had: ['ens4'], has: ['ens4'] } });
  });

  it('follows NICs to other addresses', () => {
    expect(rendered(ifcfg, redHatFiles, { nics: movedNics }).difference).toMatchInlineSnapshot(`
      "/etc/sysconfig/network-scripts/ifcfg-ens3
      -HWADDR=52:54:00:00:00:03
      +HWADDR=00:50:56:00:00:03"
    `);
  });

  it('says which files name which', () => {
    const networks = ifcfg.collect(redHatFiles) ?? [];
    expect(networks.flatMap(({ id, uses }) => uses.map(({ as, name }) => `${id}: ${as} ${name}`))).toEqual([
      'ens4: bond bond0',
      'bond0: member ens4',
      'bond0.100: bridge br100',
      'bond0.100: parent bond0',
      'route-ens3: interface ens3',
    ]);
  });

  it('takes a file without a name for the NIC of its address, and one without either for that of its own name', () => {
    const { found } = rendered(ifcfg, {
      [`${scripts}/ifcfg-lan`]: `HWADDR='52:54:00:00:00:04'\n`,
      [`${scripts}/ifcfg-ens3`]: 'BOOTPROTO=dhcp\n',
      [`${scripts}/ifcfg-ens3:1`]: 'DEVICE=ens3:1\nIPADDR=192.0.2.11\n',
      [`${scripts}/ifcfg-ens3.bak`]: 'BOOTPROTO=dhcp\n',
      [`${scripts}/ifcfg-lo`]: 'DEVICE=lo\n',
    });
    expect(found).toMatchObject({ ens3: { has: ['ens3', 'ens3:1'] }, ens4: { has: ['lan'] } });
  });

  it('finds by name and by the new driver what NetworkManager wrote by place and driver', () => {
    const text = 'NAME=any\nDEVICE=ens3\nMATCH_DRIVER="virtio_net hv_netvsc"\nMATCH_PATH=pci-0000:00:03.0 # slot 3\n';
    expect(rendered(ifcfg, { [`${scripts}/ifcfg-any`]: text }).difference).toMatchInlineSnapshot(`
      "/etc/sysconfig/network-scripts/ifcfg-any
      -MATCH_DRIVER="virtio_net hv_netvsc"
      -MATCH_PATH=pci-0000:00:03.0 # slot 3
      +MATCH_DRIVER="vmxnet3"
      +# MATCH_PATH=pci-0000:00:03.0 # slot 3"
    `);
  });

  it('warns of a NIC that is started and not there, of settings of a driver, and of another address', () => {
    const text =
      'DEVICE=ens9\nONBOOT=yes\nHWADDR=52:54:00:00:00:09\nMACADDR=02:00:00:00:00:01\nETHTOOL_OPTS="-G ens9 rx 512"\n';
    expect(rendered(ifcfg, { [`${scripts}/ifcfg-ens9`]: text }).findings.map(({ message }) => message)).toEqual([
      `${scripts}/ifcfg-ens9: no NIC of the target is called ens9 (ens9)`,
      `${scripts}/ifcfg-ens9: ens9 sends from 02:00:00:00:00:01, which is the address of no NIC of the target`,
      `${scripts}/ifcfg-ens9: ens9 has settings that the new driver may not take: ETHTOOL_OPTS=-G ens9 rx 512`,
    ]);
  });
});

describe('ifcfg of SUSE', () => {
  it('leaves alone what is called as its NIC', () => {
    const { plan, found } = rendered(ifcfg, suseFiles);
    expect(plan).toEqual({ edits: [], findings: [] });
    expect(found).toEqual({ ens3: { had: ['ens3'], has: ['ens3'] }, ens4: { had: ['ens4'], has: ['ens4'] } });
  });

  it('says which files name which', () => {
    const networks = ifcfg.collect(suseFiles) ?? [];
    expect(networks.flatMap(({ id, uses }) => uses.map(({ as, name }) => `${id}: ${as} ${name}`))).toEqual([
      'bond0: member ens4',
      'bond0: member ens4',
      'vlan100: parent bond0',
      'br100: port vlan100',
      'ifroute-ens3: interface ens3',
    ]);
  });

  it('warns of files that are called by a place or by an address that is gone: a plan does not rename them', () => {
    const files = {
      [`${suse}/ifcfg-eth-id-52:54:00:00:00:03`]: `BOOTPROTO='dhcp'\n`,
      [`${suse}/ifcfg-bus-pci-0000:00:04.0`]: `BOOTPROTO='dhcp'\n`,
    };
    const { plan, findings, found } = rendered(ifcfg, files, { nics: movedNics });
    expect(plan.edits).toEqual([]);
    expect(findings.map(({ message }) => message.slice(suse.length + 1))).toEqual([
      'ifcfg-eth-id-52:54:00:00:00:03: ifcfg=52:54:00:00:00:03 is in the name of the file',
      'ifcfg-bus-pci-0000:00:04.0: ifcfg=pci-0000:00:04.0 is in the name of the file',
    ]);
    expect(found['ens4']).toEqual({ had: ['bus-pci-0000:00:04.0'], has: [] });
  });
});
