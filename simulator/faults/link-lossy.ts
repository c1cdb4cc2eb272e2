import type { Ratio } from '#core/units';
import type { EstateLink } from '#simulator/estate/estate';
import type { StreamAssumptions } from '#simulator/flow/assumptions';
import { linkPlace, tcpMax } from '#simulator/flow/network';
import { spellFault, type Fault } from './fault.ts';
import type { Period } from './spell.ts';

/** A link loses more packets than it should: every stream over it is held to what TCP makes of that. */
export function linkLossy(
  period: Period,
  { link, loss, streams }: { readonly link: EstateLink; readonly loss: Ratio; readonly streams: StreamAssumptions },
): Fault {
  const streamMax = Math.max(1, Math.floor(tcpMax({ ...link, loss }, streams)));
  return spellFault({ ...period, begin: (stage) => stage.disturb(linkPlace(link.name), { factor: 1, streamMax }) });
}
