import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FixUpPlan, FixUpTarget, GuestImage } from '#core/ports/fix-up';
import { networkFiles, networkdFiles, redHatFiles } from '#test/support/network-files';
import { guestWith, movedNics, twoNics } from '#test/support/network-samples';
import { afterEdits, planFor } from '#test/support/guest-samples';
import { networkChecks } from './verify-networks.ts';

type Files = Readonly<Record<string, string>>;

const fixed = (files: Files, nics = twoNics): { image: GuestImage; plan: FixUpPlan; was: GuestImage } => {
  const was = guestWith(files);
  const plan = planFor(was, { nics });
  return { was, plan, image: afterEdits(was, plan) };
};
const told = (image: GuestImage, plan: FixUpPlan): readonly string[] =>
  networkChecks(image, plan).map(({ id, verdict, message }) => `${verdict} ${id}: ${message}`);
const verdicts = (image: GuestImage, plan: FixUpPlan): Readonly<Record<string, string>> =>
  Object.fromEntries(networkChecks(image, plan).map(({ id, verdict }) => [id, verdict]));
const changed = (image: GuestImage, path: string, from: string | RegExp, to: string): GuestImage => {
  const before = image.files[path] ?? '';
  const after = before.replace(from, to);
  if (after === before) throw new Error(`${String(from)} is not in ${path}`);
  return { ...image, files: { ...image.files, [path]: after } };
};

describe('networks of a guest that was fixed up', () => {
  it.each(Object.entries(networkFiles))(
    'pass, each NIC found by what it had and each name leading somewhere: %s',
    (_, files) => {
      const { image, plan } = fixed(files);
      const checks = networkChecks(image, plan);
      expect(checks.map(({ id, verdict }) => [id, verdict])).toEqual([
        ['network:ens3', 'passed'],
        ['network:ens4', 'passed'],
        ['network-references', 'passed'],
      ]);
    },
  );

  it('say what finds which NIC', () => {
    const { image, plan } = fixed(networkdFiles);
    expect(told(image, plan)).toMatchInlineSnapshot(`
      [
        "passed network:ens3: ens3 keeps its name and is found by 10-uplink.network (networkd)",
        "passed network:ens4: ens4 keeps its name and is found by 20-bonded.network (networkd)",
        "passed network-references: 3 names of networks lead to a NIC or a network",
      ]
    `);
  });

  it('fail before the fix-up where they are found by hardware that stays behind', () => {
    const { was, image, plan } = fixed(networkdFiles);
    expect(verdicts(was, plan)).toMatchObject({ 'network:ens3': 'failed', 'network:ens4': 'failed' });
    const names = Object.entries(image.files).filter(([path]) => path.endsWith('.link'));
    const half = { ...was, files: { ...was.files, ...Object.fromEntries(names) } };
    expect(told(half, { ...plan, edits: [] }).filter((line) => !line.startsWith('passed'))).toMatchInlineSnapshot(`
      [
        "failed network:ens3: ens3 is no longer found by 10-uplink.network (networkd)",
        "failed network:ens4: ens4 is no longer found by 20-bonded.network (networkd)",
      ]
    `);
  });

  it('fail for a NIC whose file of a name is gone, or is for another address', () => {
    const { image, plan } = fixed(redHatFiles);
    const link = '/etc/systemd/network/10-sealift-ens4.link';
    const { [link]: _, ...files } = image.files;
    expect(verdicts({ ...image, files }, plan)).toMatchObject({ 'network:ens3': 'passed', 'network:ens4': 'failed' });
    expect(verdicts(changed(image, link, '00:04', '00:05'), plan)).toMatchObject({ 'network:ens4': 'failed' });
  });

  it('fail for a NIC whose address is no longer the one that is asked for', () => {
    const { image, plan } = fixed(redHatFiles, movedNics);
    expect(verdicts(image, plan)['network:ens3']).toBe('passed');
    const file = '/etc/sysconfig/network-scripts/ifcfg-ens3';
    const wrong = changed(image, file, '00:50:56:00:00:03', '52:54:00:00:00:03');
    expect(verdicts(wrong, { ...plan, edits: plan.edits.filter(({ path }) => path !== file) })['network:ens3']).toBe(
      'failed',
    );
  });

  it('warn of what a NIC has and had not', () => {
    const { image, plan } = fixed(redHatFiles);
    const edit = {
      id: 'x',
      what: 'x',
      why: 'x',
      path: '/etc/sysconfig/network-scripts/ifcfg-more',
      after: 'DEVICE=ens3\n',
    };
    const more = { ...image, files: { ...image.files, [edit.path]: edit.after } };
    expect(verdicts(more, { ...plan, edits: [...plan.edits, edit] })['network:ens3']).toBe('warning');
  });

  it('warn where it cannot be told what a NIC had', () => {
    const { image, plan } = fixed({ '/etc/systemd/network/a.network': '[Match]\nPath=pci-0000:7f:00.0\n' });
    expect(verdicts(image, plan)).toEqual({ 'network:ens3': 'warning', 'network:ens4': 'warning' });
  });

  it('fail for a name that led somewhere before, and warn of one that never did', () => {
    const { image, plan } = fixed(networkdFiles);
    const path = '/etc/systemd/network/20-bonded.network';
    const lost = changed(image, path, 'Bond=bond0', 'Bond=bond1');
    expect(told(lost, { ...plan, edits: plan.edits.filter((edit) => edit.path !== path) })).toContainEqual(
      expect.stringContaining('warning network-reference:networkd:20-bonded.network:bond1'),
    );
    const edits = plan.edits.map((edit) => (edit.path === path ? { ...edit, after: lost.files[path] ?? '' } : edit));
    expect(told(lost, { ...plan, edits })).toContainEqual(
      `failed network-reference:networkd:20-bonded.network:bond1: ${path}: bond1 is named as the bond of 20-bonded.network, and no NIC and no network is that`,
    );
  });

  it('are held against the names that are kept where a plan does not say which NICs there are', () => {
    const { image, plan } = fixed(networkdFiles);
    const { nics: _, ...hardware } = plan.target ?? { controller: 'pvscsi', nicModel: 'vmxnet3' };
    expect(verdicts(image, { ...plan, target: hardware })).toMatchObject({
      'network:ens3': 'passed',
      'network:ens4': 'passed',
    });
  });

  it('are said before the fix-up to name what is not there', () => {
    const { plan } = fixed({ '/etc/network/interfaces': 'iface br0 inet dhcp\n  bridge-ports ens3 ens9\n' });
    expect(plan.findings.find(({ id }) => id.startsWith('network-reference'))).toEqual({
      id: 'network-reference:eni:br0:ens9',
      verdict: 'warning',
      message: '/etc/network/interfaces: ens9 is named as the port of br0, and no NIC and no network is that',
      remedy: 'correct ens9 in /etc/network/interfaces of the source, or take it out',
    });
  });
});

describe('any mixture of networks', () => {
  const seed = 46;
  const drivers = ['virtio_net', 'hv_netvsc', 'vmxnet3', 'e1000', 'virtio*', '*', 'mlx5_core', '!virtio_net'];
  const places = ['pci-0000:00:03.0', 'pci-0000:00:04.0', 'pci-0000:7f:00.0', 'pci-*', 'virtio-pci-0000:00:03.0'];
  const arbitrary = fc.record({
    systems: fc.subarray(Object.keys(networkFiles), { minLength: 1 }),
    driver: fc.constantFrom(...drivers),
    place: fc.constantFrom(...places),
    platform: fc.constantFrom('kvm', 'microsoft', 'vmware', '!kvm', 'vm'),
    nics: fc.constantFrom<FixUpTarget['nics']>(twoNics, movedNics, twoNics.slice(0, 1), [
      { mac: '52:54:00:00:00:03', name: 'lan' },
      { mac: '52:54:00:00:00:04', name: 'san' },
    ]),
    nicModel: fc.constantFrom<FixUpTarget['nicModel']>('vmxnet3', 'e1000e'),
    link: fc.constantFrom('', 'Driver=virtio_net', 'Path=pci-0000:00:03.0', 'OriginalName=eth0'),
  });

  it(`is planned once and then right, whatever it matches (seed ${seed})`, () => {
    fc.assert(
      fc.property(arbitrary, ({ systems, driver, place, platform, nics, nicModel, link }) => {
        const files = Object.fromEntries(
          systems.flatMap((name) =>
            Object.entries(networkFiles[name] ?? {}).map(([path, text]) => [
              path,
              text
                .replaceAll(/virtio_net|hv_netvsc/g, /netplan/.test(path) ? JSON.stringify(driver) : driver)
                .replaceAll(/pci-0000:00:0[34]\.0/g, place)
                .replaceAll('Virtualization=kvm', `Virtualization=${platform}`),
            ]),
          ),
        );
        const links = link === '' ? {} : { '/etc/systemd/network/10-own.link': `[Match]\n${link}\n[Link]\nName=lan\n` };
        const was = guestWith({ ...files, ...links });
        const plan = planFor(was, { nics, nicModel });
        const image = afterEdits(was, plan);
        expect(planFor(image, { nics, nicModel }).edits).toEqual([]);
        // What it had and may have lost was said before anything was edited.
        const lost = networkChecks(image, plan).filter(({ verdict }) => verdict === 'failed');
        if (lost.length > 0) expect(plan.findings.filter(({ id }) => /^(nic-name|network)/.test(id))).not.toEqual([]);
        // Nothing but what is matched was touched.
        for (const { before, after, path } of plan.edits.filter(
          (edit) => edit.before !== undefined && edit.run === undefined,
        ))
          if (/^\/etc\/(network|netplan|NetworkManager|sysconfig)/.test(path))
            expect(after?.split('\n').length, path).toBe(before?.split('\n').length);
      }),
      { seed, numRuns: 100 },
    );
  });
});
