import type { Ratio } from '#core/units';
import { linkPlace } from '#simulator/flow/network';
import { partLeft, spellFault, type Fault } from './fault.ts';
import type { Period } from './spell.ts';

/** A link carries a part of what it should: somebody else uses the rest. Nothing is disconnected. */
export const linkSlow = (period: Period, { link, left }: { readonly link: string; readonly left: Ratio }): Fault =>
  spellFault({ ...period, begin: (stage) => stage.disturb(linkPlace(link), { factor: partLeft(left) }) });
