import { describe, expect, it } from 'vitest';
import { GiB } from '#core/units';
import { readNutanix } from './nutanix.ts';

const disk = (index: number, more: object = {}): object => ({
  uuid: `disk-${index}`,
  device_properties: { device_type: 'DISK', disk_address: { adapter_type: 'SCSI', device_index: index } },
  ...{ disk_size_bytes: 100 * GiB, disk_size_mib: 102_400 },
  ...more,
});
const vm = (name: string, resources: object = {}, metadata: object = {}): object => ({
  metadata: { kind: 'vm', uuid: name, ...metadata },
  spec: { name, cluster_reference: { kind: 'cluster', uuid: 'c', name: 'PHX' } },
  status: {
    ...{ name, state: 'COMPLETE' },
    resources: {
      ...{ power_state: 'ON', host_reference: { kind: 'host', uuid: 'h', name: 'ahv-a' } },
      ...{ num_sockets: 2, memory_size_mib: 4096, disk_list: [disk(0)] },
      ...resources,
    },
  },
});
const page = (entities: readonly object[], total = entities.length): string =>
  JSON.stringify({
    api_version: '3.1',
    metadata: { kind: 'vm', total_matches: total, length: entities.length },
    entities,
  });
const read = (...texts: readonly string[]) => readNutanix(texts.map((text, i) => ({ name: `${i}.json`, text })));

describe('an answer of vms/list', () => {
  it('has a VM in each entity, with its categories', () => {
    const guest = { guest_tools: { nutanix_guest_tools: { guest_os_version: 'linux:64:Ubuntu-22.04' } } };
    const categories = { categories: { AppType: 'ERP', AppTier: 'DB', Environment: 'Production' } };
    expect(read(page([vm('erp', guest, categories)]))).toEqual({
      vms: [
        {
          ...{ file: '0.json', name: 'erp', platform: 'ahv', host: 'ahv-a', isTemplate: false, power: 'on' },
          ...{ guest: 'linux:64:Ubuntu-22.04', application: 'ERP', tags: ['AppTier:DB', 'Environment:Production'] },
          disks: [{ name: 'scsi0', size: 100 * GiB }],
        },
      ],
      problems: [],
    });
  });

  it('is read without what a page may lack', () => {
    const bare = {
      spec: {
        name: 'a',
        cluster_reference: { name: 'PHX' },
        resources: { power_state: 'OFF', disk_list: [{ disk_size_mib: 1024 }] },
      },
    };
    expect(read(JSON.stringify([bare])).vms).toMatchObject([
      { name: 'a', host: 'PHX', power: 'off', guest: undefined, application: undefined, disks: [{ size: GiB }] },
    ]);
    expect(read(page([vm('a', {}, { categories: { AppType: 'Default' } })])).vms[0]?.application).toBeUndefined();
  });

  it('leaves out CD-ROMs and volume groups, and says so', () => {
    const others = [
      { device_properties: { device_type: 'CDROM' } },
      { volume_group_reference: { kind: 'volume_group', uuid: 'v' }, device_properties: { device_type: 'DISK' } },
    ];
    const { vms, problems } = read(page([vm('a', { disk_list: [disk(0), ...others] })]));
    expect(vms[0]?.disks).toHaveLength(1);
    expect(problems.map(({ severity, message }) => [severity, message.split(',')[0]])).toEqual([
      ['skipped', 'has a CD-ROM'],
      ['skipped', 'has a volume group'],
    ]);
  });

  it('may come in pages, and is missed if one is not there', () => {
    const pages = [page([vm('a'), vm('b')], 3), page([vm('c')], 3)];
    expect(read(...pages)).toMatchObject({ vms: { length: 3 }, problems: [] });
    expect(read(pages[0] ?? '').problems).toMatchObject([
      { severity: 'warning', message: expect.stringContaining('has 2 of the 3 VMs') },
    ]);
  });
});

describe('what is no answer of vms/list', () => {
  it.each([
    ['{"entities": [}', 1, 'is not valid JSON'],
    ['{\n"entities": [\n}', 3, 'is not valid JSON'],
    ['{"state": "ERROR", "code": 401}', undefined, 'has no "entities"'],
    ['{"entities": [{"spec": {}}]}', undefined, 'entity 1 is no VM: it has not a name'],
    ['{"entities": [{"spec": {"name": "a"}}]}', undefined, 'entity 1 is no VM: it has not resources'],
  ])('%j', (text, line, message) =>
    expect(read(text)).toMatchObject({
      vms: [],
      problems: [{ severity: 'error', ...(line !== undefined && { line }), message: expect.stringContaining(message) }],
    }),
  );
});
