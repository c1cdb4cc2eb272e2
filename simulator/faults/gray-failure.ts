import type { Ratio } from '#core/units';
import { sentinelPlace } from '#simulator/flow/network';
import { partLeft, spellFault, type Fault } from './fault.ts';
import type { Period, Spell } from './spell.ts';

/** It works, and is no good: streams of some VMs crawl at a small part of their rate, nothing breaks, and nobody says why. */
export function grayFailure(
  period: Period,
  { vms, left }: { readonly vms: readonly string[]; readonly left: Ratio },
): Fault {
  const spells = vms.map((vm): Spell => ({
    ...period,
    begin: (stage) => stage.disturb(sentinelPlace(vm), { factor: partLeft(left) }),
  }));
  return { ...spellFault(...spells), sentinels: vms };
}
