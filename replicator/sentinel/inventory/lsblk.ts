/** What is on one block device, as `lsblk` found it. Empty texts where it found nothing. */
export interface BlockContent {
  readonly fsType: string;
  readonly uuid: string;
  /** The type in the partition table: `0x83`, or a GUID. */
  readonly partitionType: string;
}

/** Columns asked for. All are older than util-linux 2.23, so that RHEL 7 has them too. */
export const lsblkColumns = ['KNAME', 'FSTYPE', 'UUID', 'PARTTYPE'] as const;

/** Reads `lsblk -J -o KNAME,...`, by the kernel's names. Undefined if it is not that: a version without JSON. */
export function parseLsblkJson(text: string): ReadonlyMap<string, BlockContent> | undefined {
  const found = new Map<string, BlockContent>();
  const parsed = jsonOf(text);
  if (!isRecord(parsed) || !Array.isArray(parsed['blockdevices'])) return undefined;
  const waiting: unknown[] = [...parsed['blockdevices']];
  for (let device = waiting.shift(); device !== undefined; device = waiting.shift()) {
    if (!isRecord(device)) continue;
    found.set(textOf(device['kname']), {
      fsType: textOf(device['fstype']),
      uuid: textOf(device['uuid']),
      partitionType: textOf(device['parttype']),
    });
    if (Array.isArray(device['children'])) waiting.push(...device['children']);
  }
  return found;
}

/** Reads `lsblk -P -o KNAME,...`: the form that every version has. */
export function parseLsblkPairs(text: string): ReadonlyMap<string, BlockContent> {
  const found = new Map<string, BlockContent>();
  for (const line of text.split('\n')) {
    const pairs = new Map([...line.matchAll(/([A-Z:-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value ?? '']));
    const name = pairs.get('KNAME');
    if (name === undefined) continue;
    found.set(name, {
      fsType: pairs.get('FSTYPE') ?? '',
      uuid: pairs.get('UUID') ?? '',
      partitionType: pairs.get('PARTTYPE') ?? '',
    });
  }
  return found;
}

/** A value out of JSON that may be anything. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A text out of JSON; empty if it is none. Numbers are taken as they are written. */
export const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';

/** Text as JSON, or undefined: an old program answers with its usage. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Not JSON; the caller has another way to ask.
  }
}
