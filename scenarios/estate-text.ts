import { Document, isMap, isSeq, visit } from 'yaml';
import type { EstateHost } from '#simulator/estate/estate';
import type { Fleet, FleetVm } from '#simulator/estate/generate';

/** An estate in the words of an estate file: what is written as YAML or as JSON. */
export interface EstateDocument {
  readonly kind: 'estate';
  readonly title?: string;
  readonly hosts: readonly object[];
  readonly vms: readonly object[];
}

/** A fleet in the words of an estate file. Links are left to the scenario. Loading it gives the same fleet again. */
export const estateDocument = ({ hosts, vms }: Fleet, title: string): EstateDocument => ({
  ...{ kind: 'estate', title },
  hosts: hosts.map(hostText),
  vms: vms.map(vmText),
});

const hostText = ({ name, platform, read }: EstateHost): object => ({ name, platform, read: rateInWords(read) });

const vmText = ({ name, host, guest, application, tags = [], after = [], disks, writes }: FleetVm): object => ({
  ...{ name, host, guest },
  ...(application !== undefined && { application }),
  ...(tags.length > 0 && { tags }),
  ...(after.length > 0 && { after }),
  disks: disks.map(({ id, size, used, tracked }) => ({
    ...{ id, size: sizeInWords(size), used: sizeInWords(used) },
    ...(!tracked && { tracked }),
  })),
  writes: {
    ...{ rate: rateInWords(writes.rate), pattern: writes.pattern },
    workingSet: sizeInWords(writes.workingSet),
  },
});

const units = [
  ['TiB', 2 ** 40],
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
] as const;

/** A size in the largest unit in which it is a whole number: nothing is rounded, so that it can be read again. */
function sizeInWords(size: number): string {
  const [name, unit] = units.find(([, bytes]) => size > 0 && size % bytes === 0) ?? ['B', 1];
  return `${size / unit} ${name}`;
}

// Published rates are decimal; they stay as they are known.
const rateInWords = (rate: number): string =>
  rate > 0 && rate % 1e6 === 0 ? `${rate / 1e6} MB/s` : `${sizeInWords(rate)}/s`;

/** The file as YAML: a line for each host, disk and write model, and the comments on top. */
export function estateYaml(estate: EstateDocument, comments: readonly string[]): string {
  // The same list in many places is told in each of them: whoever edits one means one.
  const document = new Document(estate, { aliasDuplicateObjects: false });
  visit(document, {
    Collection: (_key, node, path) => {
      // document, top, `hosts` or `vms` (pair and list): what lies in a host, or in a key of a VM, fits on a line.
      const isHost = path.length === 4 && isMap(node) && node.has('platform');
      if (isHost || path.length > 5) node.flow = true;
      if (isSeq(node) && node.flow) return visit.SKIP;
      return undefined;
    },
  });
  document.commentBefore = comments.map((line) => ` ${inOneLine(line)}`).join('\n');
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

/** Without what would end a comment or speak to a terminal: names come from files of others. */
export const inOneLine = (text: string): string => text.replaceAll(/\p{Cc}+/gu, ' ');
