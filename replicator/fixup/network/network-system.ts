import type { Check } from '#core/migration/facts';
import type { Edit, FixUpTarget, GuestImage } from '#core/ports/fix-up';
import {
  fixUpSystem,
  textEdit,
  warning,
  type FixUpSystem,
  type PlanContext,
  type SystemPlan,
} from '#replicator/fixup/system';
import { changesOf, type Change, type ChangeSaid } from './changes.ts';
import { conditionsOf, holds, macOf, onTarget, takes, type Network, type Nic } from './network.ts';

/** Part of a text and what takes its place. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A way in which Linux keeps its networks in files. */
export interface NetworkSystem {
  readonly name: string;
  /** Whether a NIC takes the first network that fits it; else it may have several. */
  readonly isFirstTaken: boolean;
  /** What is configured, in the order it is looked at; undefined where the guest does not have this system. */
  collect(files: GuestImage['files']): readonly Network[] | undefined;
  /** Edits after which each network finds the NIC it found before, and what a person should know. */
  render(networks: readonly Network[], context: PlanContext): SystemPlan;
}

/** What a system knows beside what all do alike: how it is read, and how a change is written in its files. */
export interface NetworkFormat extends Pick<NetworkSystem, 'name' | 'isFirstTaken' | 'collect'> {
  /** Where `before` is the text of the change's place. Only what has to change is another one. */
  write(before: string, change: Change): string;
}

/** A system of a format. Lines that are right stay as they are, comments and columns included. */
export const networkSystem = (format: NetworkFormat): NetworkSystem => ({
  ...{ name: format.name, isFirstTaken: format.isFirstTaken, collect: format.collect },
  render: (networks, { image, target }) => {
    const planned = networks.map((network) => changesOf(format.name, network, target));
    const changes = planned.flatMap((one) => one.changes);
    return {
      edits: editsFor(format, changes, image),
      findings: distinct([
        ...planned.flatMap((one) => one.findings),
        ...networks.flatMap((network) => [
          ...lostTerms(format.name, network, target),
          ...ownMac(format.name, network, target.nics),
          ...driverOptions(format.name, network),
        ]),
      ]),
    };
  },
});

/** As a part of a fix-up. */
export const asFixUpSystem = ({ name, collect, render }: NetworkSystem): FixUpSystem =>
  fixUpSystem<readonly Network[]>(name, { collect: ({ files }) => collect(files), render });

function editsFor(
  { name, write }: NetworkFormat,
  changes: readonly ChangeSaid[],
  { files, ...image }: GuestImage,
): readonly Edit[] {
  const paths = [...new Set(changes.flatMap(({ change }) => change.term.place?.path ?? []))];
  return paths.flatMap((path) => {
    const here = changes.filter(({ change }) => change.term.place?.path === path);
    const text = files[path] ?? '';
    const splices = here.flatMap(({ change }): readonly Splice[] => {
      const { place } = change.term;
      if (place === undefined) return [];
      return [{ ...place, text: write(text.slice(place.start, place.end), change) }];
    });
    const [what, why] = [here.map((one) => one.what), here.map((one) => one.why)];
    return textEdit({ ...image, files }, path, spliced(text, splices), {
      system: name,
      what: [...new Set(what)].join('; '),
      why: [...new Set(why)].join('; '),
    });
  });
}

/** The text with its parts replaced. The same part twice is replaced once. */
export function spliced(text: string, splices: readonly Splice[]): string {
  const once = [...new Map(splices.map((splice) => [splice.start, splice])).values()];
  return once
    .toSorted((a, b) => b.start - a.start)
    .reduce((after, { start, end, text: part }) => after.slice(0, start) + part + after.slice(end), text);
}

/** Terms that no NIC of the target fulfils although nothing here is to be changed: it was so on the source, or nobody said. */
function lostTerms(system: string, network: Network, { nics, nicModel }: FixUpTarget): readonly Check[] {
  if (network.kind === 'virtual' || nics.length === 0) return [];
  const { changes, findings } = changesOf(system, network, { nics, nicModel });
  if (changes.length > 0 || findings.length > 0) return [];
  const views = nics.map((nic) => onTarget(nic, { nicModel }));
  const lost = conditionsOf(network).find((term) => views.every((view) => holds(term, view) === 'no'));
  // A name that no NIC has is nothing to wait for in most systems: NICs come and go.
  if (lost === undefined || (lost.by === 'name' && !network.isNeeded)) return [];
  const words = { name: 'is called', mac: 'has the address', driver: 'has the driver', path: 'is at' };
  const said = lost.by in words ? words[lost.by as keyof typeof words] : 'fits';
  return [
    warning(
      `${system}:${network.id}`,
      `${network.path}: no NIC of the target ${said} ${lost.values.join(', ')} (${network.id})`,
      `remove it from ${network.path} of the source if that NIC is gone; else say the NIC's name and address`,
    ),
  ];
}

/** An address that is set in place of a NIC's own: vSphere does not let its frames pass unless told to. */
function ownMac(
  system: string,
  { id, path, setsMac, kind, ...network }: Network,
  nics: readonly Nic[],
): readonly Check[] {
  const [value] = setsMac?.values ?? [];
  if (value === undefined || !/^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(value)) return [];
  // Bonds and bridges mostly have the address of one of their NICs.
  if (nics.some((nic) => [nic.mac, nic.formerMac].some((mac) => mac !== undefined && macOf(mac) === macOf(value))))
    return [];
  const isOwn = kind === 'virtual' && network.uses.every(({ as }) => as === 'port');
  if (isOwn && network.uses.length === 0) return [];
  return [
    warning(
      `${system}:${id}:mac`,
      `${path}: ${id} sends from ${value}, which is the address of no NIC of the target`,
      'let the port group of the target accept MAC changes and forged transmits, or give the NIC this address',
    ),
  ];
}

const driverOptions = (system: string, { id, path, options }: Network): readonly Check[] =>
  options.length === 0
    ? []
    : [
        warning(
          `${system}:${id}:options`,
          `${path}: ${id} has settings that the new driver may not take: ${[...new Set(options)].join(', ')}`,
          'look at the console after the test launch, and take out of the source what is refused',
        ),
      ];

const distinct = (findings: readonly Check[]): readonly Check[] => [
  ...new Map(findings.map((finding) => [`${finding.id} ${finding.message}`, finding])).values(),
];

/** Which networks of a system a NIC has, by their ids: `unknown` are those that cannot be told. */
export interface Found {
  readonly ids: readonly string[];
  readonly unknown: readonly string[];
}

/** What a system resolves to for a NIC that looks as `view` says. */
export function foundFor(
  { isFirstTaken }: Pick<NetworkSystem, 'isFirstTaken'>,
  networks: readonly Network[],
  view: Parameters<typeof takes>[1],
): Found {
  const ids: string[] = [];
  const unknown: string[] = [];
  for (const network of networks) {
    const answer = takes(network, view);
    if (answer === 'yes') ids.push(network.id);
    if (answer === 'unknown') unknown.push(network.id);
    if (answer === 'yes' && isFirstTaken) break;
  }
  return { ids, unknown };
}
