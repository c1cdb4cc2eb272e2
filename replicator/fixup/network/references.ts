import type { FixUpTarget, GuestImage } from '#core/ports/fix-up';
import { fixUpSystem, warning } from '#replicator/fixup/system';
import { onTarget, takes, type Network, type NicView, type Use } from './network.ts';
import { systemsIn, type SystemFound } from './systems.ts';

/** A name in a configuration that leads nowhere. */
export interface LostReference {
  readonly id: string;
  readonly message: string;
  readonly remedy: string;
}

/** What names of networks lead to: how many there are, and those that lead nowhere. */
export interface References {
  readonly count: number;
  readonly lost: readonly LostReference[];
}

/** Follows every name that one network has for another one, or for a NIC. */
export function referencesIn(
  found: readonly SystemFound[],
  nics: FixUpTarget['nics'],
  viewOf: (nic: FixUpTarget['nics'][number]) => NicView,
): References {
  const views = nics.map(viewOf);
  const networks = found.flatMap((one) => one.networks);
  const uses = found.flatMap(({ system, networks: all }) =>
    all.flatMap((network) => network.uses.map((use) => ({ system: system.name, network, use }))),
  );
  // A guest makes some devices without being told in these files: the loopback, and those of containers.
  const leads = ({ name }: Use): boolean =>
    name === 'lo' ||
    nics.some((nic) => nic.name === name) ||
    networks.some((network) => isNamed(network, name) && isThere(network, views));
  const lost = uses.filter(({ use }) => !leads(use));
  return {
    count: uses.length,
    lost: lost.map(({ system, network: { id, path }, use: { as, name } }) => ({
      id: `network-reference:${system}:${id}:${name}`,
      message: `${path}: ${name} is named as the ${as} of ${id}, and no NIC and no network is that`,
      remedy: `correct ${name} in ${path} of the source, or take it out`,
    })),
  };
}

const isNamed = ({ names, id, kind }: Network, name: string): boolean =>
  names.includes(name) || (kind === 'virtual' && id === name);

const isThere = (network: Network, views: readonly NicView[]): boolean =>
  network.kind === 'virtual' || views.some((view) => takes(network, view) !== 'no');

/** What leads nowhere on the target is said before anything is edited. Nothing is edited for it: nobody knows what was meant. */
export const networkReferences = fixUpSystem<readonly SystemFound[]>('network-reference', {
  collect: ({ files }: GuestImage) => systemsIn(files),
  render: (found, { target }) => {
    if (target.nics.length === 0) return { edits: [], findings: [] };
    const { lost } = referencesIn(found, target.nics, (nic) => onTarget(nic, target));
    return { edits: [], findings: lost.map(({ id, message, remedy }) => warning(id, message, remedy)) };
  },
});
