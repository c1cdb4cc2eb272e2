import type { GuestVolume } from '#core/ports/guest-agent';
import type { BlockNode } from './block-tree.ts';
import { isRecord, jsonOf, textOf } from './lsblk.ts';

/** Columns of `lvs`, in the order of the form without JSON. */
export const lvsColumns = ['vg_name', 'lv_name', 'lv_path', 'devices'] as const;

/** Reads `lvs --reportformat json -o ...`. Undefined if it is not that: LVM before 2.02.158 has no such option. */
export function parseLvsJson(text: string): readonly GuestVolume[] | undefined {
  const parsed = jsonOf(text);
  if (!isRecord(parsed) || !Array.isArray(parsed['report'])) return undefined;
  const rows = parsed['report'].flatMap((report: unknown) =>
    isRecord(report) && Array.isArray(report['lv']) ? report['lv'].filter(isRecord) : [],
  );
  return joined(rows.map((row) => lvsColumns.map((column) => textOf(row[column]))));
}

/** Reads `lvs --noheadings --separator '|' -o ...`: the form that every version has. */
export const parseLvsText = (text: string): readonly GuestVolume[] =>
  joined(
    text
      .split('\n')
      .map((line) => line.trim().split('|'))
      .filter((row) => row.length === lvsColumns.length),
  );

/** One volume has a row for each of its segments: their devices are its parts. */
function joined(rows: readonly (readonly string[])[]): readonly GuestVolume[] {
  const volumes = new Map<string, { path: string; parts: Set<string> }>();
  for (const [group = '', volume = '', path = '', devices = ''] of rows) {
    const name = `${group}/${volume}`;
    const known = volumes.get(name) ?? { path, parts: new Set<string>() };
    // `/dev/vdb(0)`: the device and the extent on it. Mirrors and pools name volumes of the group instead.
    for (const part of devices.split(',')) if (part !== '') known.parts.add(part.replace(/\(\d+\)$/, ''));
    volumes.set(name, known);
  }
  return [...volumes].map(([name, { path, parts }]) => ({ kind: 'lvm', name, path, parts: [...parts] }));
}

/** One array of `/proc/mdstat`. */
export interface MdArray {
  readonly name: string;
  readonly level: string;
  readonly active: boolean;
  /** Kernel names of its members; failed ones too. */
  readonly parts: readonly string[];
  /** Whether members are missing, or it is being rebuilt. */
  readonly degraded: boolean;
}

/** Reads `/proc/mdstat`, which says of every array what `mdadm` would, without the program. */
export function parseMdStat(text: string): readonly MdArray[] {
  return text.split(/\n(?=\S)/).flatMap((block) => {
    const found = /^(md\S*) : (active|inactive)(?: \((?:auto-)?read-only\))? (.*)/.exec(block);
    if (!found) return [];
    const words = (found[3] ?? '').split(' ');
    const parts = words.flatMap((word) => /^([^[]+)\[\d+\]/.exec(word)?.[1] ?? []);
    const level =
      found[2] === 'active' ? (words.find((word) => !word.includes('[') && !word.startsWith('(')) ?? '') : '';
    const degraded = /\[[U]*_[U_]*\]/.test(block) || /\b(?:recovery|resync|reshape)\b/.test(block);
    return [{ name: found[1] ?? '', level, active: found[2] === 'active', parts, degraded }];
  });
}

/** Volumes that the kernel has mapped, from `/sys` alone: LUKS always, LVM where `lvs` could not be asked. */
export function mappedVolumes(nodes: readonly BlockNode[], kind: 'lvm' | 'luks'): readonly GuestVolume[] {
  const prefix = kind === 'lvm' ? 'LVM-' : 'CRYPT-';
  return nodes
    .filter(({ mappedUuid }) => mappedUuid.startsWith(prefix))
    .map(({ mappedName, parts }) => ({
      kind,
      name: kind === 'lvm' ? lvmName(mappedName) : mappedName,
      path: `/dev/mapper/${mappedName}`,
      parts: parts.map((part) => devicePath(part, nodes)),
    }));
}

/** `/dev/vdb`, or the name under `/dev/mapper` of what is mapped. */
export function devicePath(name: string, nodes: readonly BlockNode[]): string {
  const node = nodes.find((one) => one.name === name);
  return node?.kind === 'mapped' ? `/dev/mapper/${node.mappedName}` : `/dev/${name}`;
}

// Device-mapper joins group and volume with one dash, and doubles the dashes in their names.
const lvmName = (name: string): string => name.replace(/(?<!-)-(?!-)/, '/').replaceAll('--', '-');
