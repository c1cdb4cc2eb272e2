import { sentinelPlace } from '#simulator/flow/network';
import { spellFault, type Fault } from './fault.ts';
import type { Period, Spell } from './spell.ts';

/** The agent in some guests is not heard any more, as when its heartbeats are lost: their streams break, and no others. */
export function sentinelLost(period: Period, { vms }: { readonly vms: readonly string[] }): Fault {
  const spells = vms.map((vm): Spell => ({
    ...period,
    begin: (stage) => stage.disturb(sentinelPlace(vm), { factor: 0 }),
  }));
  return { ...spellFault(...spells), sentinels: vms };
}
