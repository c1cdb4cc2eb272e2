import type { ImportProblem, Inventory, InventoryDisk, InventoryFile, InventoryVm } from './inventory.ts';
import { below, listAt, numberAt, parseJson, textAt } from './json-text.ts';

/**
 * Inventories of Hyper-V: `Get-VM | ConvertTo-Json -Depth 4`, and `Get-VHD ... | ConvertTo-Json` for the sizes of disks,
 * in the same file (below each hard drive, as `VHD`, or as `Size` and `FileSize`) or in one of its own.
 */
export function readHyperv(files: readonly InventoryFile[]): Inventory {
  const problems: ImportProblem[] = [];
  const found: { readonly file: string; readonly item: unknown }[] = [];
  for (const file of files) {
    const parsed = parseJson(file.text);
    if (!parsed.ok) problems.push({ severity: 'error', file: file.name, ...parsed.error });
    // A single VM is written as itself, and not as a list of one.
    else for (const item of listAt({ all: parsed.value }, 'all')) found.push({ file: file.name, item });
  }
  const sizes: Sizes = new Map();
  for (const { item } of found) if (isVhd(item)) sizes.set(pathKey(textAt(item, 'Path') ?? ''), item);
  const vms = found
    .filter(({ item }) => !isVhd(item))
    .flatMap(({ file, item }, i) => vmOf(item, i, { file, sizes, problems }));
  return { vms, problems };
}

type Sizes = Map<string, unknown>;

/** Whether a thing is what `Get-VHD` tells of a disk. */
export const isVhd = (item: unknown): boolean =>
  textAt(item, 'Path') !== undefined &&
  (below(item, 'VhdFormat') !== undefined ||
    below(item, 'VhdType') !== undefined ||
    below(item, 'FileSize') !== undefined);

// Windows paths: the case of letters makes no difference.
const pathKey = (path: string): string => path.toLowerCase().replaceAll('/', '\\');

interface Reading {
  readonly file: string;
  readonly sizes: Sizes;
  readonly problems: ImportProblem[];
}

function vmOf(item: unknown, index: number, { file, sizes, problems }: Reading): readonly InventoryVm[] {
  const name = textAt(item, 'Name') ?? textAt(item, 'VMName');
  if (name === undefined) {
    problems.push({ severity: 'error', file, message: `item ${index + 1} is no VM: it has no Name` });
    return [];
  }
  const say = (severity: ImportProblem['severity'], message: string): void =>
    void problems.push({ severity, file, vm: name, message });
  const drives = listAt(item, 'HardDrives');
  // Deeper than it was told to go, ConvertTo-Json writes what a thing calls itself.
  if (drives.some((drive) => typeof drive === 'string')) {
    say('error', 'has hard drives that are cut short; write them with ConvertTo-Json -Depth 4');
    return [];
  }
  if (listAt(item, 'DVDDrives').length > 0) say('skipped', 'has a DVD drive, which is left out');
  const version = Number(/^\d+\.\d+$/.exec(textAt(item, 'Version') ?? '')?.[0] ?? Number.NaN);
  const isOld = version < 6.2;
  return [
    {
      ...{ file, name, platform: 'hyperv', isTemplate: false },
      host: textAt(item, 'ComputerName') ?? textAt(item, 'VMHost'),
      guest: textAt(item, 'OSName') ?? textAt(item, 'OperatingSystem') ?? textAt(item, 'GuestOS'),
      power: powerOf(below(item, 'State')),
      disks: drives.map((drive) => diskOf(drive, { sizes, isOld })),
      tags: listAt(item, 'Groups').flatMap((group) => textAt(group, 'Name') ?? []),
    },
  ];
}

// As numbers they are of the enumeration VMState: 2 is running, 3 is off. Saved and paused ones have what a guest had.
function powerOf(state: unknown): InventoryVm['power'] {
  if (state === 3 || state === 'Off' || state === 'OffCritical') return 'off';
  return typeof state === 'number' || typeof state === 'string' ? 'on' : 'unknown';
}

function diskOf(drive: unknown, { sizes, isOld }: { readonly sizes: Sizes; readonly isOld: boolean }): InventoryDisk {
  const path = textAt(drive, 'Path') ?? '';
  const vhd = below(drive, 'VHD') ?? sizes.get(pathKey(path)) ?? drive;
  const place = [numberAt(drive, 'ControllerNumber'), numberAt(drive, 'ControllerLocation')];
  const type = below(drive, 'ControllerType');
  const controller = type === 'IDE' || type === 0 ? 'ide' : 'scsi';
  return {
    ...(place.every((part) => part !== undefined) && { name: `${controller}${place.join('-')}` }),
    size: numberAt(vhd, 'Size'),
    used: numberAt(vhd, 'FileSize'),
    untracked: untrackedBecause(drive, path, isOld),
    isShared: /\.vhds$/i.test(path) || below(drive, 'SupportPersistentReservations') === true,
  };
}

// What resilient change tracking needs: Server 2016, a VM of version 6.2, and its own VHDX file.
function untrackedBecause(drive: unknown, path: string, isOld: boolean): string | undefined {
  const disk = below(drive, 'DiskNumber');
  if (typeof disk === 'number') return 'a disk is passed through';
  if (/\.vhd$/i.test(path)) return 'a disk is a VHD and not a VHDX';
  return isOld ? 'its configuration is older than version 6.2' : undefined;
}
