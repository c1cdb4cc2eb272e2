import { bytes, type Bytes } from '#core/units';
import type { Estate, EstateVm } from '#simulator/estate/estate';

/**
 * The room on the datastores of a world. Replicas are thin: they take what their sources have allocated.
 *
 * @differs A replica takes its room when replication begins, and keeps it; it does not grow, and nobody else writes there.
 */
export interface Datastores {
  /** Bytes that are left for this VM's replica, what it has taken included; undefined where nobody counts. */
  roomFor(vm: EstateVm): Bytes | undefined;
  /** Whether the replica has its room, from now on if not before. */
  take(vm: EstateVm): boolean;
}

/** What a replica takes up: what its source has allocated. */
export const replicaSize = ({ disks }: EstateVm): number => disks.reduce((sum, { used }) => sum + used, 0);

/** Empty datastores. */
export function datastores({ datastores: stores = [] }: Estate): Datastores {
  const left = new Map<string, number>(stores.map(({ name, capacity }) => [name, capacity]));
  const taken = new Set<string>();
  const roomFor = (vm: EstateVm): Bytes | undefined => {
    const room = vm.datastore === undefined ? undefined : left.get(vm.datastore);
    return room === undefined ? undefined : bytes(room + (taken.has(vm.name) ? replicaSize(vm) : 0));
  };
  return {
    roomFor,
    take(vm) {
      const room = roomFor(vm);
      if (room === undefined || vm.datastore === undefined || taken.has(vm.name)) return true;
      if (room < replicaSize(vm)) return false;
      taken.add(vm.name);
      left.set(vm.datastore, room - replicaSize(vm));
      return true;
    },
  };
}
