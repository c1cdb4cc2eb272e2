import type { GuestImage } from '#core/ports/fix-up';
import { eni } from './eni.ts';
import { ifcfg } from './ifcfg.ts';
import { keyfile } from './keyfile.ts';
import { netplan } from './netplan.ts';
import type { Network } from './network.ts';
import type { NetworkSystem } from './network-system.ts';
import { networkd } from './networkd.ts';

/** Ways in which Linux keeps its networks in files. A guest may have several, each for some of its NICs. */
export const networkSystems: readonly NetworkSystem[] = [eni, netplan, keyfile, ifcfg, networkd];

/** A system that a guest has, with what is configured in it. */
export interface SystemFound {
  readonly system: NetworkSystem;
  readonly networks: readonly Network[];
}

/** The systems for which something is written in these files. */
export const systemsIn = (files: GuestImage['files']): readonly SystemFound[] =>
  networkSystems.flatMap((system) => {
    const networks = system.collect(files);
    return networks === undefined ? [] : [{ system, networks }];
  });
