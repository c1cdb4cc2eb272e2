import { formatBytes, formatPlural, formatRate } from '#core/text/format';
import type { Fleet } from '#simulator/estate/generate';
import type { InventoryFormat } from './format-names.ts';
import { formatOf } from './format.ts';
import { fleetOf, type Assumptions, type FleetFound, type Selection } from './fleet-of-inventory.ts';
import { readHyperv } from './hyperv.ts';
import type { ImportProblem, Inventory, InventoryFile } from './inventory.ts';
import { readLibvirt } from './libvirt.ts';
import { readNutanix } from './nutanix.ts';
import { readRvtools } from './rvtools.ts';

/** How an inventory is to be read. */
export interface ImportOptions extends Selection {
  /** Of all files; told from what is in them if not given. */
  readonly format?: InventoryFormat | undefined;
  readonly assumptions: Assumptions;
}

/** What came of an inventory. */
export interface Imported {
  readonly fleet: Fleet;
  readonly problems: readonly ImportProblem[];
  /** How many VMs were read and not taken over. */
  readonly leftOut: number;
  /** What the fleet rests on besides the inventory, a sentence each. */
  readonly assumed: readonly string[];
}

/** The estate in the files of one or several inventories. Never throws: what cannot be read is a problem. */
export function importEstate(files: readonly InventoryFile[], options: ImportOptions): Imported {
  const problems: ImportProblem[] = [];
  const byFormat = new Map<InventoryFormat, InventoryFile[]>();
  for (const file of files) {
    const format = options.format ?? formatOf(file.text);
    if (format === undefined) problems.push({ severity: 'error', file: file.name, message: unknownFormat });
    else byFormat.set(format, [...(byFormat.get(format) ?? []), file]);
  }
  const inventories = [...byFormat].map(([format, own]) => read(format, own));
  const vms = inventories.flatMap((inventory) => inventory.vms);
  const { fleet, problems: found, assumed } = fleetOf(vms, options.assumptions, options);
  problems.push(...inventories.flatMap((inventory) => inventory.problems), ...found);
  if (fleet.vms.length === 0 && problems.every(({ severity }) => severity !== 'error'))
    problems.push({ severity: 'error', file: files[0]?.name ?? '', message: 'has no VM to take over' });
  return {
    fleet,
    problems,
    leftOut: vms.length - fleet.vms.length,
    assumed: assumedIn(fleet, assumed, options.assumptions),
  };
}

const unknownFormat =
  'is in no format that is known: a sheet with a column VM (RVTools), XML of virsh dumpxml, or JSON of Prism or of Get-VM; if it is one of them, say which with --format';

function read(format: InventoryFormat, files: readonly InventoryFile[]): Inventory {
  switch (format) {
    case 'rvtools':
      return readRvtools(files);
    case 'libvirt':
      return readLibvirt(files);
    case 'nutanix':
      return readNutanix(files);
    case 'hyperv':
      return readHyperv(files);
  }
}

function assumedIn(fleet: Fleet, assumed: FleetFound['assumed'], assumptions: Assumptions): readonly string[] {
  const { diskSize, used, writes, workingSet } = assumptions;
  return [
    `Writes are assumed for ${formatPlural(fleet.vms.length, 'VM')}: ${formatRate(writes)} in office hours' pattern, over ${workingSet} % of the used bytes.`,
    `What can be read from a host is assumed for ${formatPlural(fleet.hosts.length, 'host')}: 253 MB/s, as published for one host.`,
    ...(assumed.sizes > 0
      ? [`The size is assumed for ${formatPlural(assumed.sizes, 'disk')}: ${formatBytes(diskSize)}.`]
      : []),
    ...(assumed.used > 0 ? [`The used part is assumed for ${formatPlural(assumed.used, 'disk')}: ${used} %.`] : []),
  ];
}
