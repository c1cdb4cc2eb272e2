import type { ChangeMark } from '#core/ports/source-hypervisor';
import type { Bytes } from '#core/units';

/**
 * The name of the dirty bitmap that holds a mark on one disk: `sealift-<owner>-<number>-<size>-<disks>`.
 *
 * Size and number of disks are part of it because a QEMU bitmap survives what breaks it: when a disk grows, the new
 * part is clean in the bitmap although nobody has read it, and when a disk is added or removed the others do not show
 * it. The name is the one place that lives exactly as long as the bitmap.
 */
export interface MarkName extends ChangeMark {
  /** The disk's size when the mark was begun. */
  readonly size: Bytes;
  /** How many disks the VM had when the mark was begun. */
  readonly disks: number;
}

// No dash in the last three parts, so that an owner may contain any number of them.
const shape = /^sealift-(.+)-(\d+)-(\d+)-(\d+)$/;

/** Writes the name. */
export const formatMarkName = ({ owner, number, size, disks }: MarkName): string =>
  `sealift-${owner}-${number}-${size}-${disks}`;

/** Reads a name, or undefined when the bitmap is none of ours. */
export function parseMarkName(name: string): MarkName | undefined {
  const [, owner, number, size, disks] = shape.exec(name) ?? [];
  if (owner === undefined) return undefined;
  const mark = { owner, number: Number(number), size: Number(size) as Bytes, disks: Number(disks) };
  // A foreign name that happens to look like ours does not survive the way back.
  return formatMarkName(mark) === name ? mark : undefined;
}
