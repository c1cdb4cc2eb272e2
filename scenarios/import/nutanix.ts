import { GiB, MiB } from '#core/units';
import type { ImportProblem, Inventory, InventoryDisk, InventoryFile, InventoryVm } from './inventory.ts';
import { below, listAt, numberAt, parseJson, textAt } from './json-text.ts';

/**
 * Inventories of Nutanix: the answers of Prism to `POST /api/nutanix/v3/vms/list`, one file for each page, or a list of
 * their entities.
 */
export function readNutanix(files: readonly InventoryFile[]): Inventory {
  const vms: InventoryVm[] = [];
  const problems: ImportProblem[] = [];
  let matches = 0;
  for (const file of files) {
    const parsed = parseJson(file.text);
    if (!parsed.ok) {
      problems.push({ severity: 'error', file: file.name, ...parsed.error });
      continue;
    }
    matches = Math.max(matches, numberAt(parsed.value, 'metadata', 'total_matches') ?? 0);
    const entities = Array.isArray(parsed.value) ? parsed.value : listAt(parsed.value, 'entities');
    if (entities.length === 0)
      problems.push({ severity: 'error', file: file.name, message: 'has no "entities": it is no answer of vms/list' });
    entities.forEach((entity: unknown, i) => readEntity(entity, i, file.name, { vms, problems }));
  }
  const read = vms.length;
  if (matches > read && read > 0)
    problems.push({
      severity: 'warning',
      file: files[0]?.name ?? '',
      message: `has ${read} of the ${matches} VMs that Prism counts; ask for the others with "offset", and give all the files`,
    });
  return { vms, problems };
}

interface Found {
  readonly vms: InventoryVm[];
  readonly problems: ImportProblem[];
}

function readEntity(entity: unknown, index: number, file: string, { vms, problems }: Found): void {
  const name = textAt(entity, 'status', 'name') ?? textAt(entity, 'spec', 'name');
  // What is, rather than what is wanted; a page of a search may lack one of the two.
  const resources = below(entity, 'status', 'resources') ?? below(entity, 'spec', 'resources');
  if (name === undefined || resources === undefined) {
    const what = name === undefined ? 'a name' : 'resources';
    problems.push({ severity: 'error', file, vm: name, message: `entity ${index + 1} is no VM: it has not ${what}` });
    return;
  }
  const say = (severity: ImportProblem['severity'], message: string): void =>
    void problems.push({ severity, file, vm: name, message });
  const power = textAt(resources, 'power_state')?.toUpperCase();
  const application = textAt(entity, 'metadata', 'categories', 'AppType');
  vms.push({
    ...{ file, name, platform: 'ahv', isTemplate: false },
    host: textAt(resources, 'host_reference', 'name') ?? clusterOf(entity),
    guest:
      textAt(resources, 'guest_tools', 'nutanix_guest_tools', 'guest_os_version') ?? textAt(resources, 'guest_os_id'),
    power: power === undefined ? 'unknown' : power === 'OFF' ? 'off' : 'on',
    disks: listAt(resources, 'disk_list').flatMap((disk) => diskOf(disk, say)),
    // `Default` is what Prism gives to whatever nobody has sorted.
    application: application === 'Default' ? undefined : application,
    tags: categoriesOf(entity),
  });
}

const clusterOf = (entity: unknown): string | undefined =>
  textAt(entity, 'status', 'cluster_reference', 'name') ?? textAt(entity, 'spec', 'cluster_reference', 'name');

function categoriesOf(entity: unknown): readonly string[] {
  const categories = below(entity, 'metadata', 'categories');
  if (typeof categories !== 'object' || categories === null) return [];
  return Object.entries(categories).flatMap(([key, value]) =>
    key === 'AppType' || typeof value !== 'string' ? [] : [`${key}:${value}`],
  );
}

function diskOf(
  disk: unknown,
  say: (severity: ImportProblem['severity'], message: string) => void,
): readonly InventoryDisk[] {
  const type = textAt(disk, 'device_properties', 'device_type');
  if (type === 'CDROM') {
    say('skipped', 'has a CD-ROM, which is left out');
    return [];
  }
  if (below(disk, 'volume_group_reference') !== undefined) {
    say('skipped', 'has a volume group, which is left out: vms/list does not say what is in it');
    return [];
  }
  const adapter = textAt(disk, 'device_properties', 'disk_address', 'adapter_type')?.toLowerCase();
  const index = numberAt(disk, 'device_properties', 'disk_address', 'device_index');
  const mib = numberAt(disk, 'disk_size_mib');
  const size = numberAt(disk, 'disk_size_bytes') ?? (mib !== undefined && mib < GiB ? mib * MiB : undefined);
  return [{ size, ...(adapter !== undefined && index !== undefined && { name: `${adapter}${index}` }) }];
}
