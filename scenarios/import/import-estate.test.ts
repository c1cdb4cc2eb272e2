import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GiB, KiB } from '#core/units';
import { estateDocument, estateYaml } from '#scenarios/estate-text';
import { scenarioOn } from '#test/support/estate-scenario';
import { usualAssumptions } from './fleet-of-inventory.ts';
import { inventoryFormats } from './format-names.ts';
import { formatOf } from './format.ts';
import { importEstate, type ImportOptions } from './import-estate.ts';

const csv = `VM,Powerstate,Template,Disks,Provisioned MiB,In Use MiB,Host,OS according to the configuration file
Web Ä 1,poweredOn,False,1,40960,50000,kvm-1,Debian GNU/Linux 12 (64-bit)
web-a-1,poweredOn,False,1,,,kvm-1,CentOS 7 (64-bit)
off,poweredOff,False,1,40960,1,kvm-1,Debian GNU/Linux 12 (64-bit)
gold,poweredOff,True,1,40960,1,kvm-1,Debian GNU/Linux 12 (64-bit)
bsd,poweredOn,False,1,40960,1,kvm-1,FreeBSD 13 (64-bit)
none,poweredOn,False,0,0,0,kvm-1,Debian GNU/Linux 12 (64-bit)
`;
const xml = `<domain id='1'><name>a</name><devices><disk device='disk'><driver type='qcow2'/><source file='/a'/><target dev='vda'/></disk></devices></domain>`;
const nutanix = `{"entities":[{"spec":{"name":"n"},"status":{"name":"n","resources":{"power_state":"ON","disk_list":[{"disk_size_mib":1024}]}}}]}`;
const hyperv = `[{"Name":"h","State":2,"HardDrives":[{"Path":"D:\\\\h.vhdx","Size":1073741824,"FileSize":1048576}]}]`;
const blocks = 'Capacity:       21474836480\nAllocation:     3221225472\nPhysical:       3221225472\n';
const samples = [csv, xml, nutanix, hyperv, blocks];

const imported = (texts: readonly string[], more: Partial<ImportOptions> = {}) =>
  importEstate(
    texts.map((text, i) => ({ name: `${i}.txt`, text })),
    { poweredOff: 'skip', assumptions: usualAssumptions, ...more },
  );

describe('the format of a file', () => {
  it.each([
    [csv, 'rvtools'],
    [`\uFEFF${xml}`, 'libvirt'],
    [blocks, 'libvirt'],
    [' Target   Capacity  Allocation  Physical\n----\n vda 1 1 1', 'libvirt'],
    [nutanix, 'nutanix'],
    [hyperv, 'hyperv'],
    ['{"Path":"a.vhdx","VhdFormat":3,"Size":1}', 'hyperv'],
    ['{"api_version":"3.1", ', 'nutanix'],
    ['{"dependencies":{}}', undefined],
    ['[]', undefined],
    ['# A title', undefined],
    ['', undefined],
  ])('%j', (text, format) => expect(formatOf(text)).toBe(format));
});

describe('an inventory', () => {
  it('becomes an estate; what is left out, changed or assumed is said', () => {
    const { fleet, problems, assumed, leftOut } = imported([csv], {
      assumptions: { ...usualAssumptions, platform: 'ahv' },
    });
    expect(fleet.hosts).toMatchObject([{ name: 'kvm-1', platform: 'ahv' }]);
    expect(fleet.vms).toMatchObject([
      // What is used is never more than there is.
      { name: 'Web-A-1', guest: 'debian-12', disks: [{ id: 'disk0', size: 40 * GiB, used: 40 * GiB }] },
      { name: 'web-a-1', guest: 'rhel-9', disks: [{ size: 100 * GiB, used: 50 * GiB, tracked: true }] },
    ]);
    expect(fleet.vms[0]?.writes).toEqual({ rate: 512 * KiB, pattern: 'daily', workingSet: 2 * GiB });
    expect(leftOut).toBe(4);
    const told = problems.map(
      ({ severity, line, vm, now, message }) =>
        `${line} ${severity}: ${vm}${now === undefined ? '' : ` as ${now}`} ${message.split(':')[0]}`,
    );
    expect(told.toSorted()).toEqual([
      '2 warning: Web Ä 1 as Web-A-1 has another name here',
      '3 warning: web-a-1 has a disk whose size is not said',
      '3 warning: web-a-1 has a disk whose used part is not said',
      '3 warning: web-a-1 runs "CentOS 7 (64-bit)"',
      '4 skipped: off is powered off',
      '5 skipped: gold is a template',
      '6 skipped: bsd runs "FreeBSD 13 (64-bit)"',
      '7 skipped: none has no disk',
    ]);
    expect(assumed).toEqual([
      "Writes are assumed for 2 VMs: 512 KiB/s in office hours' pattern, over 5 % of the used bytes.",
      'What can be read from a host is assumed for 1 host: 253 MB/s, as published for one host.',
      'The size is assumed for 1 disk: 100 GiB.',
      'The used part is assumed for 1 disk: 50 %.',
    ]);
  });

  it('keeps what is powered off if asked to', () =>
    expect(imported([csv], { poweredOff: 'keep' }).fleet.vms.map(({ name }) => name)).toContain('off'));

  it('may be in several formats at once, and gives VMs of the same name different ones', () => {
    const { fleet } = imported([nutanix, hyperv, xml, nutanix.replace('"n","res', '"N","res')]);
    expect(fleet.vms.map(({ name, host }) => [name, host])).toEqual([
      ['n', 'ahv-1'],
      ['N', 'ahv-1'],
      ['h', 'hyperv-1'],
      ['a', 'kvm-1'],
    ]);
    expect(imported([nutanix, nutanix]).fleet.vms.map(({ name }) => name)).toEqual(['n', 'n-2']);
  });

  it('has one host of each name and platform, and the host it is told', () => {
    const { fleet } = imported([nutanix, hyperv], { assumptions: { ...usualAssumptions, host: 'rack 1' } });
    expect(fleet.hosts.map(({ name, platform }) => [name, platform])).toEqual([
      ['rack-1', 'ahv'],
      ['rack-1-2', 'hyperv'],
    ]);
  });

  it('of no known format, or with nothing in it, is an error', () => {
    expect(imported(['# A title']).problems).toMatchObject([{ severity: 'error', file: '0.txt' }]);
    expect(imported([csv.split('\n')[0] ?? '']).problems).toMatchObject([
      { severity: 'error', message: 'has no VM to take over' },
    ]);
  });
});

describe('any text', () => {
  /** A sample with something cut out of it and something else put in. */
  const damaged = fc
    .tuple(fc.constantFrom(...samples), fc.nat(400), fc.nat(40), fc.string({ maxLength: 12, unit: 'binary' }))
    .map(([text, at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut));
  const anything = fc.oneof(damaged, damaged, fc.string({ unit: 'binary' }), fc.json(), fc.constantFrom(...samples));
  const files = fc.array(anything, { minLength: 1, maxLength: 3 });
  const format = fc.option(fc.constantFrom(...inventoryFormats), { nil: undefined });

  it('is imported or refused, never thrown at, and what comes of it can be loaded', () =>
    fc.assert(
      fc.property(files, format, fc.constantFrom('skip' as const, 'keep' as const), (texts, as, poweredOff) => {
        const { fleet, problems, assumed } = imported(texts, { format: as, poweredOff });
        if (fleet.vms.length === 0) {
          expect(problems.some(({ severity }) => severity === 'error')).toBe(true);
          return;
        }
        const text = estateYaml(estateDocument(fleet, 'x'), [
          ...assumed,
          ...problems.map(({ vm = '', message }) => vm + message),
        ]);
        expect(scenarioOn(text).estate.vms).toHaveLength(fleet.vms.length);
      }),
      { numRuns: 500 },
    ));
});
