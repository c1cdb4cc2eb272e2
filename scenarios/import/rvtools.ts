import { sourcePlatforms, type SourcePlatform } from '#core/migration/plan';
import { alignUp, GiB, KiB, MiB } from '#core/units';
import { readCsv, type CsvRow, type CsvTable } from './csv-table.ts';
import { parseDecimal } from './decimal-text.ts';
import type { ImportProblem, Inventory, InventoryDisk, InventoryFile, InventoryVm } from './inventory.ts';

/**
 * Inventories as RVTools exports them: the sheet vInfo with a row for each VM, the sheet vDisk with a row for each disk,
 * or both; and the single sheets in the same words that other tools and people make.
 *
 * Such inventories write MB and GB for MiB and GiB: that is how they are read.
 */
const columns = {
  name: ['vm', 'vm name', 'name', 'virtual machine', 'virtual machine name'],
  id: ['vm uuid', 'uuid'],
  power: ['powerstate', 'power state', 'state', 'status'],
  template: ['template'],
  diskCount: ['disks', '# disks', 'disk count', 'number of disks'],
  host: ['host', 'hypervisor host', 'host name', 'node', 'cluster', 'datacenter'],
  guest: [
    'os according to the vmware tools',
    'os according to the configuration file',
    ...['guest os', 'operating system', 'os', 'guest'],
  ],
  platform: ['platform', 'hypervisor'],
  application: ['application', 'app', 'service'],
  tags: ['tags', 'tag', 'role'],
  disk: ['disk', 'disk label', 'disk name'],
  raw: ['raw'],
  sharing: ['sharing mode'],
} as const;

const units: Readonly<Record<string, number>> = { bytes: 1, kib: KiB, mib: MiB, gib: GiB, tib: 1024 * GiB };
const sizeColumns = (names: readonly string[]): readonly (readonly [column: string, unit: number])[] =>
  names.flatMap((name) =>
    Object.entries(units).flatMap(([unit, bytes]) =>
      [unit, unit.replace('ib', 'b')].flatMap((word): [string, number][] => [
        [`${name} ${word}`, bytes],
        [`${name} (${word})`, bytes],
      ]),
    ),
  );
// What a disk can hold is told by the sum of its disks; what is provisioned counts the swap file of a running VM too.
const provisioned = sizeColumns(['total disk capacity', 'provisioned', 'disk size', 'capacity', 'size']);
const inUse = sizeColumns(['in use', 'used', 'used space', 'consumed']);
const capacity = sizeColumns(['capacity', 'size', 'disk size']);

/** Reads sheets. */
export function readRvtools(files: readonly InventoryFile[]): Inventory {
  const problems: ImportProblem[] = [];
  const vms: VmRow[] = [];
  const disks: DiskRow[] = [];
  for (const { name: file, text } of files) {
    const table = readCsv(text);
    if (!table.ok) {
      problems.push({ severity: 'error', file, ...table.error });
      continue;
    }
    const { columns: found, rows, broken, decimal } = table.value;
    for (const row of broken) problems.push({ severity: 'error', file, ...row });
    if (!columns.name.some((name) => found.includes(name))) {
      problems.push({ severity: 'error', file, line: 1, message: noName(table.value) });
      continue;
    }
    const isDisks = columns.disk.some((name) => found.includes(name)) && hasSize(found);
    for (const row of rows) {
      const sheet: Sheet = { file, decimal, problems };
      if (isDisks) disks.push(...diskRow(row, sheet));
      else vms.push(...vmRow(row, sheet));
    }
  }
  return { vms: joined(vms, disks, problems), problems };
}

const hasSize = (found: readonly string[]): boolean => capacity.some(([column]) => found.includes(column));

const noName = ({ columns: found }: CsvTable): string =>
  `names no column "VM": the first row must name the columns, and one of them the VMs; it has ${
    found
      .slice(0, 6)
      .map((column) => JSON.stringify(column))
      .join(', ') || 'none'
  }`;

interface Sheet {
  readonly file: string;
  readonly decimal: ',' | '.';
  readonly problems: ImportProblem[];
}

interface VmRow {
  readonly vm: Omit<InventoryVm, 'disks'>;
  readonly id: string | undefined;
  readonly diskCount: number;
  readonly size: number | undefined;
  readonly used: number | undefined;
}

interface DiskRow {
  /** The VM as this row tells of it, in case no other sheet does. */
  readonly of: VmRow;
  readonly disk: InventoryDisk;
}

function vmRow(row: CsvRow, sheet: Sheet): readonly VmRow[] {
  const { file, problems } = sheet;
  const { line } = row;
  const name = row.cell(columns.name);
  const fail = (message: string): readonly [] => {
    problems.push({ severity: 'error', file, line, vm: name, message });
    return [];
  };
  if (name === undefined) return fail('names no VM');
  const size = sizeIn(row, provisioned, sheet);
  const used = sizeIn(row, inUse, sheet);
  const count = row.cell(columns.diskCount);
  const diskCount = count === undefined ? 1 : parseDecimal(count, sheet.decimal);
  for (const wrong of [size, used]) if (wrong && 'wrong' in wrong) return fail(wrong.wrong);
  if (diskCount === undefined || !Number.isInteger(diskCount) || diskCount > 1_000)
    return fail(`has ${JSON.stringify(count)} disks; that must be a whole number up to 1000`);
  const said = row.cell(columns.platform);
  const platform = said === undefined ? undefined : platformOf(said.toLowerCase().replaceAll(/[^a-z]/g, ''));
  if (said !== undefined && platform === undefined)
    return fail(`is on ${JSON.stringify(said)}; a source is one of ${sourcePlatforms.join(', ')}`);
  const vm = {
    ...{ file, line, name, platform, host: row.cell(columns.host), guest: row.cell(columns.guest) },
    power: powerOf(row.cell(columns.power)),
    isTemplate: /^(true|yes|1|wahr|ja|vrai|oui)$/i.test(row.cell(columns.template) ?? ''),
    application: row.cell(columns.application),
    tags: (row.cell(columns.tags) ?? '').split(/[,;|]/).flatMap((tag) => tag.trim() || []),
  };
  return [{ vm, id: row.cell(columns.id), diskCount, size: size?.bytes, used: used?.bytes }];
}

function platformOf(said: string): SourcePlatform | undefined {
  if (/kvm|libvirt|qemu|proxmox|ovirt|rhv|openstack/.test(said)) return 'kvm';
  if (/hyperv|microsoft/.test(said)) return 'hyperv';
  return /ahv|nutanix|acropolis/.test(said) ? 'ahv' : undefined;
}

function powerOf(said: string | undefined): InventoryVm['power'] {
  const word = (said ?? '').toLowerCase().replaceAll(/[^a-z]/g, '');
  if (/^(poweredoff|off|stopped|shutoff|shutdown|poweroff)$/.test(word)) return 'off';
  return /^(poweredon|on|running|suspended|paused|saved)$/.test(word) ? 'on' : 'unknown';
}

function diskRow(row: CsvRow, sheet: Sheet): readonly DiskRow[] {
  const size = sizeIn(row, capacity, sheet);
  const used = sizeIn(row, inUse, sheet);
  const name = row.cell(columns.name);
  for (const wrong of [size, used])
    if (wrong && 'wrong' in wrong) {
      sheet.problems.push({ severity: 'error', file: sheet.file, line: row.line, vm: name, message: wrong.wrong });
      return [];
    }
  const isRaw = /^(true|yes|1|wahr)$/i.test(row.cell(columns.raw) ?? '');
  const disk: InventoryDisk = {
    ...{ name: row.cell(columns.disk), size: size?.bytes, used: used?.bytes },
    untracked: isRaw ? 'a disk is a raw device' : undefined,
    isShared: /multi/i.test(row.cell(columns.sharing) ?? ''),
  };
  return vmRow(row, sheet).map((of) => ({ of, disk }));
}

/** A size in the first column that has one, or what is wrong with it. */
function sizeIn(
  row: CsvRow,
  candidates: readonly (readonly [column: string, unit: number])[],
  { decimal }: Sheet,
): { readonly bytes: number } | { readonly wrong: string; readonly bytes?: undefined } | undefined {
  for (const [column, unit] of candidates) {
    const said = row.cell([column]);
    if (said === undefined) continue;
    const number = parseDecimal(said, decimal);
    const bytes = number === undefined ? Number.NaN : Math.round(number * unit);
    if (!Number.isSafeInteger(bytes))
      return { wrong: `has ${JSON.stringify(said)} in column "${column}"; it must be a number` };
    return { bytes };
  }
  return undefined;
}

/** Each VM with its disks: those of the disks' sheet, or the VM's own sum divided among them. */
function joined(vms: readonly VmRow[], disks: readonly DiskRow[], problems: ImportProblem[]): readonly InventoryVm[] {
  const byName = new Map<string, DiskRow[]>();
  for (const row of disks) byName.set(row.of.vm.name, [...(byName.get(row.of.vm.name) ?? []), row]);
  const taken = new Set<DiskRow>();
  const whole = vms.map((row): InventoryVm => {
    const own = (byName.get(row.vm.name) ?? []).filter((disk) => isSame(row, disk.of));
    own.forEach((disk) => taken.add(disk));
    return { ...row.vm, disks: own.length > 0 ? withUsed(own, row.used) : divided(row, problems) };
  });
  const alone = disks.filter((row) => !taken.has(row));
  if (vms.length > 0) {
    for (const { of } of alone)
      problems.push({
        ...{ severity: 'skipped', file: of.vm.file, line: of.vm.line, vm: of.vm.name },
        message: 'has a disk, which is left out: no row of the sheet of VMs is of that VM',
      });
    return whole;
  }
  const groups = new Map<string, DiskRow[]>();
  for (const row of alone) {
    const key = JSON.stringify([row.of.vm.name, row.of.id ?? row.of.vm.host]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].flatMap((rows) => {
    const [first] = rows;
    return first ? [{ ...first.of.vm, disks: rows.map(({ disk }) => disk) }] : [];
  });
}

/** Names are not unique in an inventory; what else both rows say has to agree. */
const isSame = (a: VmRow, b: VmRow): boolean =>
  a.id !== undefined && b.id !== undefined ? a.id === b.id : (b.vm.host ?? a.vm.host) === (a.vm.host ?? b.vm.host);

function withUsed(rows: readonly DiskRow[], used: number | undefined): readonly InventoryDisk[] {
  const total = rows.reduce((sum, { disk }) => sum + (disk.size ?? 0), 0);
  if (used === undefined || total === 0) return rows.map(({ disk }) => disk);
  return rows.map(({ disk }) => ({
    ...disk,
    used: disk.used ?? Math.min(disk.size ?? 0, Math.round((used * (disk.size ?? 0)) / total)),
  }));
}

function divided({ vm, diskCount, size, used }: VmRow, problems: ImportProblem[]): readonly InventoryDisk[] {
  if (diskCount > 1)
    problems.push({
      ...{ severity: 'warning', file: vm.file, line: vm.line, vm: vm.name },
      message: 'has several disks and one size: it is divided evenly; give the vDisk sheet too for the sizes of each',
    });
  // A size of zero is how sheets say that they do not know.
  const each = (sum: number | undefined): number | undefined =>
    sum === undefined || sum === 0 ? undefined : alignUp(sum / diskCount, MiB);
  return Array.from({ length: diskCount }, () => ({ size: each(size), used: each(used) }));
}
