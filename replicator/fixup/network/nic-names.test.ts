import { describe, expect, it } from 'vitest';
import type { FixUpPlan, FixUpTarget, GuestImage } from '#core/ports/fix-up';
import { afterEdits, planFor, readings } from '#test/support/guest-samples';
import { guestWith, movedNics, twoNics } from '#test/support/network-samples';
import { nameOnTarget, nicsNamedIn } from './nic-names.ts';

const folder = '/etc/systemd/network';
const rules = '/etc/udev/rules.d/70-persistent-net.rules';
const rule = (mac: string, name: string, more = 'DRIVERS=="?*"'): string =>
  `SUBSYSTEM=="net", ACTION=="add", ${more}, ATTR{address}=="${mac}", ATTR{type}=="1", NAME="${name}"`;
const without = readings.debian.present.filter((path) => !path.endsWith('systemctl'));

const named = ({ edits }: FixUpPlan): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(edits.filter(({ id }) => id.startsWith('nic-name:')).map(({ path, after }) => [path, after]));
const planned = (image: GuestImage, nics: FixUpTarget['nics'] = twoNics): FixUpPlan => {
  const plan = planFor(image, { nics });
  const after = afterEdits(image, plan);
  // Whatever it was: each NIC has its name, and a second plan has nothing to add.
  for (const nic of nics)
    if (plan.findings.every(({ verdict }) => verdict !== 'failed'))
      expect(nameOnTarget(after.files, nic, { nicModel: 'vmxnet3' })).toBe(nic.name);
  expect(named(planFor({ ...after, present: image.present }, { nics }))).toEqual({});
  return plan;
};

describe('names of NICs', () => {
  it('are kept by a file each', () => {
    expect(Object.keys(named(planned(guestWith({}))))).toEqual([
      `${folder}/10-sealift-ens3.link`,
      `${folder}/10-sealift-ens4.link`,
    ]);
  });

  it('are left to a file that keeps them already, whatever it is called', () => {
    const link = '[Match]\nPermanentMACAddress=52:54:00:00:00:03\n[Link]\nName=ens3\n';
    const image = guestWith({ [`${folder}/10-lan.link`]: link });
    expect(Object.keys(named(planned(image)))).toEqual([`${folder}/10-sealift-ens4.link`]);
    // The default of systemd comes before it, and decides.
    const late = guestWith({
      [`${folder}/50-default.link`]: '[Match]\nOriginalName=*\n[Link]\nNamePolicy=slot\n',
      [`${folder}/60-lan.link`]: link,
    });
    expect(Object.keys(named(planned(late)))).toContain(`${folder}/10-sealift-ens3.link`);
  });

  it('are given by address where they were given by driver, by place or by the order of discovery', () => {
    const nics = [
      { mac: '52:54:00:00:00:03', name: 'lan' },
      { mac: '52:54:00:00:00:04', name: 'san' },
    ];
    const image = guestWith({
      [`${folder}/10-lan.link`]: '# by slot\n[Match]\nPath=pci-0000:00:03.0\n\n[Link]\nName=lan\nMTUBytes=9000\n',
      [`${folder}/20-san.link`]: '[Match]\nDriver=virtio_net\n\n[Link]\nName=san\n',
    });
    expect(named(planned(image, nics))).toEqual({
      [`${folder}/10-lan.link`]:
        '# by slot\n[Match]\nMACAddress=52:54:00:00:00:03\n\n[Link]\nName=lan\nMTUBytes=9000\n',
      [`${folder}/20-san.link`]: '[Match]\nMACAddress=52:54:00:00:00:04\n\n[Link]\nName=san\n',
    });
    const first = guestWith({ [`${folder}/10-lan.link`]: '[Match]\nOriginalName=eth0\n[Link]\nName=lan\n' });
    expect(named(planned(first, nics))[`${folder}/10-lan.link`]).toBe(
      '[Match]\nMACAddress=52:54:00:00:00:03\n[Link]\nName=lan\n',
    );
  });

  it('are refused where another file decides first', () => {
    const all = '[Match]\nOriginalName=*\n[Link]\nMTUBytes=9000\n';
    const plan = planFor(guestWith({ [`${folder}/00-mtu.link`]: all }), { nics: twoNics });
    expect(plan.findings.filter(({ verdict }) => verdict === 'failed').map(({ id }) => id)).toEqual([
      'nic-name:ens3',
      'nic-name:ens4',
    ]);
  });

  it('are kept whatever is masked, or is for other kinds of devices', () => {
    const image = guestWith({
      [`${folder}/00-masked.link`]: '',
      [`${folder}/01-wlan.link`]: '[Match]\nType=wlan\n[Link]\nNamePolicy=mac\n',
    });
    expect(planned(image).findings.filter(({ verdict }) => verdict === 'failed')).toEqual([]);
  });

  it('are not told apart where two NICs have one address', () => {
    const same = twoNics.map(({ name }) => ({ name, mac: '52:54:00:00:00:03' }));
    expect(planFor(guestWith({}), { nics: same }).findings).toContainEqual(
      expect.objectContaining({ id: 'nic-name:52:54:00:00:00:03', verdict: 'warning' }),
    );
    expect(planned(guestWith({})).findings.map(({ id }) => id)).not.toContain('nic-name:52:54:00:00:00:03');
  });

  it('follow NICs to other addresses', () => {
    const image = guestWith({
      [`${folder}/10-lan.link`]: '[Match]\nMACAddress=52:54:00:00:00:03\n[Link]\nName=ens3\n',
    });
    expect(named(planned(image, movedNics))[`${folder}/10-lan.link`]).toContain('MACAddress=00:50:56:00:00:03\n');
  });

  it('are added to the rules of udev where there is no systemd, and what is right stays', () => {
    const text = `# This file was automatically generated.\n\n${rule('52:54:00:00:00:03', 'ens3')}\n${rule('52:54:00:00:00:99', 'ens9')}\n`;
    expect(named(planned(guestWith({ [rules]: text }, { present: without })))).toEqual({
      [rules]: `${text}# Written by Sealift: NICs keep the names they had.\nSUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ATTR{address}=="52:54:00:00:00:04", NAME="ens4"\n`,
    });
  });

  it('are no longer given by rules that ask for hardware that stays behind, or for the address of another', () => {
    const lines = [
      'SUBSYSTEM=="net", KERNELS=="0000:00:03.0", NAME="ens3"',
      rule('52:54:00:00:00:04', 'ens4', 'DRIVERS=="virtio_net"'),
      rule('52:54:00:00:00:77', 'ens4'),
      'SUBSYSTEM=="net", ACTION=="add", KERNEL=="tap*", RUN+="/bin/true"',
    ];
    const commented = lines.map((line, index) => (index < 3 ? `# ${line}` : line)).join('\n');
    const modern = planned(guestWith({ [rules]: lines.join('\n') }));
    expect(named(modern)[rules]).toBe(commented);
    const old = planned(guestWith({ [rules]: lines.join('\n') }, { present: without }));
    expect(named(old)[rules]?.startsWith(`${commented}\n# Written by Sealift`)).toBe(true);
  });

  it('are read from what keeps them', () => {
    const image = afterEdits(guestWith({}), planned(guestWith({})));
    expect(nicsNamedIn(image.files)).toEqual(twoNics.map(({ mac, name }) => ({ mac, name })));
    expect(nicsNamedIn({ [rules]: rule('52:54:00:00:00:05', 'eth0') })).toEqual([
      { mac: '52:54:00:00:00:05', name: 'eth0' },
    ]);
  });
});
