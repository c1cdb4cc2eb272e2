import type { GuestControl, GuestSystem } from '#replicator/sentinel/guest-system';
import { lineIn } from '#replicator/sentinel/inventory/block-tree';
import { type LinkFound, readNetwork, readRoutes } from '#replicator/sentinel/inventory/links';
import { isRecord, jsonOf } from '#replicator/sentinel/inventory/lsblk';
import { readSource, type StageSource } from './stage-file.ts';

/*
 * The guest's place in the network, noted by its sentinel on the way to rest: it is on a disk before the last sync, so it
 * comes to the target with everything else, and is of the very moment of the cutover.
 */

/** Where it is noted. */
export const placePath = '/var/lib/sealift/place.json';

/** Notes the place. A sentence if it could not be: then nothing is compared on the target. */
export async function savePlace(system: GuestControl): Promise<string | undefined> {
  const links = await readNetwork(system);
  const hostname = await lineIn(system, '/proc/sys/kernel/hostname');
  const place: StageSource = { hostname, nics: links.filter(isCard).map(nicOf), routes: await readRoutes(system) };
  return system.replace(placePath, `${JSON.stringify(place)}\n`, 0o600);
}

/** The place that was noted; undefined if none was, or if what is there is none. */
export async function readPlace(system: GuestSystem): Promise<StageSource | undefined> {
  const text = await system.read(placePath);
  const place = text === undefined ? undefined : jsonOf(text);
  return isRecord(place) ? readSource(place) : undefined;
}

/** Takes the note away: what a guest in service was at an earlier cutover is nothing to go by. */
export const forgetPlace = (system: GuestControl): Promise<string | undefined> => system.remove(placePath);

/** Cards only: what is built on them is built again by the guest's own configuration. */
const isCard = ({ nic }: LinkFound): boolean => !['vlan', 'bond', 'bridge', 'team'].includes(nic.driver);

const nicOf = ({ nic: { name, mac, addresses }, lent }: LinkFound): StageSource['nics'][number] => ({
  ...{ name, mac: mac.toLowerCase(), lent },
  addresses: addresses.filter((address) => !lent.includes(address)),
});
