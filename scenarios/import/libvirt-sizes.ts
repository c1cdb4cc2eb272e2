import { GiB, KiB, MiB } from '#core/units';
import { below, textAt } from './json-text.ts';

/** How large a disk is, and how much of it is allocated, in bytes. */
export interface DiskSize {
  readonly size?: number | undefined;
  readonly used?: number | undefined;
}

/** What `virsh domblkinfo` says of the disks of one domain, by target; the only one that was asked for is ''. */
export interface BlockSizes {
  readonly isOf: (domain: string, domains: readonly string[]) => boolean;
  readonly sizes: ReadonlyMap<string, DiskSize>;
}

const units: Readonly<Record<string, number>> = {
  ...{ b: 1, bytes: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 },
  ...{ k: KiB, kib: KiB, m: MiB, mib: MiB, g: GiB, gib: GiB, t: 1024 * GiB, tib: 1024 * GiB },
};

/** A size in libvirt's words: a number, bytes unless a unit follows. */
function sizeOf(number: string | undefined, unit = 'bytes'): number | undefined {
  const bytes = Math.round(Number(number ?? Number.NaN) * (units[unit.toLowerCase()] ?? Number.NaN));
  return Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : undefined;
}

/** Sizes by path and by name of volumes, from what `virsh vol-dumpxml` prints. */
export function sizesOfVolumes(volumes: readonly unknown[]): ReadonlyMap<string, DiskSize> {
  const sizes = new Map<string, DiskSize>();
  for (const volume of volumes) {
    const size = { size: sizeIn(below(volume, 'capacity')), used: sizeIn(below(volume, 'allocation')) };
    for (const key of [textAt(volume, 'target', 'path'), textAt(volume, 'key'), textAt(volume, 'name')])
      if (key !== undefined && !sizes.has(key)) sizes.set(key, size);
  }
  return sizes;
}

// <capacity unit='bytes'>1</capacity>, or without a unit.
const sizeIn = (element: unknown): number | undefined =>
  typeof element === 'string' ? sizeOf(element) : sizeOf(textAt(element, '#text'), textAt(element, '@unit'));

const size = String.raw`(-|\d+(?:\.\d+)?)(?: ([A-Za-z]+))?`;
const oneBlock = new RegExp(String.raw`^(Capacity|Allocation|Physical):\s+${size}\s*$`);
const tableHead = /^\s*Target\s+Capacity\s+Allocation\s+Physical\s*$/;
const tableRow = new RegExp(String.raw`^\s*(\S+)\s+${size}\s+${size}\s+${size}\s*$`);

/** Whether a text is what `virsh domblkinfo` prints. */
export const isBlockInfo = (text: string): boolean =>
  text.split('\n', 20).some((line) => tableHead.test(line) || /^Capacity:\s+\d/.test(line));

/**
 * Reads what `virsh domblkinfo` prints. It does not say of which domain: `web-1.txt` is of web-1, and `web-1.vda.txt` of
 * its disk vda.
 */
export function blockSizesOf(file: string, text: string): BlockSizes {
  const base = file.split(/[/\\]/).at(-1) ?? file;
  const isOf = (domain: string, domains: readonly string[]): boolean => {
    const fits = domains.filter((name) => base === name || base.startsWith(`${name}.`));
    // web.txt is of "web" even if there is a "web.txt"; the longest name is the best fit.
    return fits.toSorted((a, b) => b.length - a.length)[0] === domain;
  };
  const sizes = new Map<string, DiskSize>();
  const lines = text.split('\n');
  if (lines.some((line) => tableHead.test(line))) {
    for (const line of lines) {
      const [, target, capacity, unit, allocation, allocationUnit] = tableRow.exec(line) ?? [];
      if (target !== undefined && target !== 'Target')
        sizes.set(target, { size: sizeOf(capacity, unit), used: sizeOf(allocation, allocationUnit) });
    }
    return { isOf, sizes };
  }
  const said = new Map<string, number | undefined>();
  for (const line of lines) {
    const [, word, number, unit] = oneBlock.exec(line) ?? [];
    if (word !== undefined) said.set(word, sizeOf(number, unit));
  }
  const target = /\.([svhx]?[a-z]d[a-z]+)\./.exec(base)?.[1] ?? '';
  sizes.set(target, { size: said.get('Capacity'), used: said.get('Allocation') });
  return { isOf, sizes };
}
