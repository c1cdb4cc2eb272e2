import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { err, ok, type Result } from '#core/result';
import type { ImportProblem, Inventory, InventoryDisk, InventoryFile, InventoryVm } from './inventory.ts';
import { below, listAt, textAt } from './json-text.ts';
import { blockSizesOf, isBlockInfo, sizesOfVolumes, type BlockSizes, type DiskSize } from './libvirt-sizes.ts';

/**
 * Inventories of libvirt: what `virsh dumpxml` prints, one domain or several in a file. A domain does not say how large its
 * disks are: `virsh vol-dumpxml` tells it by path, `virsh domblkinfo <domain> --all` in a file that is named
 * after the domain.
 */
export function readLibvirt(files: readonly InventoryFile[]): Inventory {
  const problems: ImportProblem[] = [];
  const domains: Domain[] = [];
  const volumes: unknown[] = [];
  const blocks: BlockSizes[] = [];
  for (const { name: file, text } of files) {
    if (isBlockInfo(text)) {
      blocks.push(blockSizesOf(file, text));
      continue;
    }
    const parsed = parseXml(text);
    if (!parsed.ok) {
      problems.push({ severity: 'error', file, ...parsed.error });
      continue;
    }
    const found = listAt(parsed.value, 'domain');
    const foundVolumes = listAt(parsed.value, 'volume');
    if (found.length + foundVolumes.length === 0)
      problems.push({
        severity: 'error',
        file,
        message: 'has neither a <domain> nor a <volume>: give what virsh dumpxml prints',
      });
    for (const xml of found) domains.push({ file, line: lineOf(xml, text), xml });
    volumes.push(...foundVolumes);
  }
  const byPath = sizesOfVolumes(volumes);
  const names = domains.flatMap(({ xml }) => textAt(xml, 'name') ?? []);
  const vms = domains.flatMap((domain) => vmOf(domain, { byPath, blocks, names, problems }));
  return { vms, problems };
}

interface Domain {
  readonly file: string;
  readonly line: number | undefined;
  readonly xml: unknown;
}

interface Reading {
  readonly byPath: ReadonlyMap<string, DiskSize>;
  readonly blocks: readonly BlockSizes[];
  readonly names: readonly string[];
  readonly problems: ImportProblem[];
}

// Several documents in one file have no root of their own, and XML wants one.
const root = 'inventory';
const lists = new Set(['domain', 'volume', 'disk']);
const parser = new XMLParser({
  ...{ ignoreAttributes: false, attributeNamePrefix: '@', removeNSPrefix: true },
  ...{ parseTagValue: false, parseAttributeValue: false, captureMetaData: true },
  isArray: (name: string) => lists.has(name),
});

function parseXml(text: string): Result<unknown, { readonly line?: number; readonly message: string }> {
  // libvirt writes none, and a document type can make a small text an endless one.
  if (/<!DOCTYPE|<!ENTITY/i.test(text)) return err({ message: 'has a document type, which nothing of libvirt has' });
  const wrapped = wrap(text);
  try {
    const valid = XMLValidator.validate(wrapped);
    if (valid !== true) return err({ line: valid.err.line, message: `is not valid XML: ${valid.err.msg}` });
    return ok(below(parser.parse(wrapped), root));
  } catch (error) {
    return err({ message: `is not valid XML: ${error instanceof Error ? error.message : String(error)}` });
  }
}

// Blanks in the place of what is taken away: lines stay what they were.
const wrap = (text: string): string =>
  `<${root}>${text.replaceAll(/\uFEFF|<\?xml[^>]*\?>/g, (found) => ' '.repeat(found.length))}</${root}>`;

function lineOf(xml: unknown, text: string): number | undefined {
  const meta = (xml as Readonly<Record<symbol, { readonly startIndex?: number } | undefined>>)[
    XMLParser.getMetaDataSymbol() as unknown as symbol
  ];
  if (meta?.startIndex === undefined) return undefined;
  return text.slice(0, Math.max(0, meta.startIndex - `<${root}>`.length)).split('\n').length;
}

function vmOf({ file, line, xml }: Domain, reading: Reading): readonly InventoryVm[] {
  const name = textAt(xml, 'name');
  const say = (severity: ImportProblem['severity'], message: string): void =>
    void reading.problems.push({ severity, file, line, vm: name, message });
  if (name === undefined) {
    say('error', 'is a domain without a name');
    return [];
  }
  const found = listAt(xml, 'devices', 'disk').filter((disk) => isDisk(disk, say));
  const blocks = reading.blocks.filter(({ isOf }) => isOf(name, reading.names));
  const byTarget = new Map(blocks.flatMap(({ sizes }) => [...sizes]));
  // Sizes that do not say of which disk they are can be of the only one.
  const only = found.length === 1 ? byTarget.get('') : undefined;
  const disks = found.map((disk) => {
    const target = textAt(disk, 'target', '@dev');
    const known = (target === undefined ? undefined : byTarget.get(target)) ?? only ?? sizeByPath(disk, reading.byPath);
    return diskOf(disk, target, known);
  });
  return [
    {
      ...{ file, line, name, platform: 'kvm', isTemplate: false, tags: [] },
      guest: textAt(xml, 'metadata', 'libosinfo', 'os', '@id') ?? guestByClock(xml),
      // Only a running domain has an id; but one that was dumped with --inactive has none either.
      power: textAt(xml, '@id') === undefined ? 'unknown' : 'on',
      disks,
    },
  ];
}

// Windows wants its clock in local time.
const guestByClock = (xml: unknown): string | undefined =>
  textAt(xml, 'clock', '@offset') === 'localtime' ? 'windows' : undefined;

function isDisk(disk: unknown, say: (severity: ImportProblem['severity'], message: string) => void): boolean {
  const device = textAt(disk, '@device');
  if (device !== 'cdrom' && device !== 'floppy') return true;
  say('skipped', device === 'cdrom' ? 'has a CD-ROM, which is left out' : 'has a floppy, which is left out');
  return false;
}

function sizeByPath(disk: unknown, byPath: Reading['byPath']): DiskSize | undefined {
  const keys = ['@file', '@dev', '@volume'].map((key) => textAt(disk, 'source', key));
  return keys.map((key) => (key === undefined ? undefined : byPath.get(key))).find((size) => size !== undefined);
}

const diskOf = (disk: unknown, target: string | undefined, known: DiskSize | undefined): InventoryDisk => ({
  ...{ name: target, size: known?.size, used: known?.used },
  untracked: untrackedBecause(textAt(disk, '@device'), textAt(disk, 'driver', '@type')),
  isShared: below(disk, 'shareable') !== undefined,
});

// A dirty bitmap that outlives its process is kept in a qcow2 file.
function untrackedBecause(device: string | undefined, format: string | undefined): string | undefined {
  if (device === 'lun') return 'a disk is passed through';
  return format === 'raw' ? 'a disk is raw, which keeps no dirty bitmap' : undefined;
}
