import { linkPlace } from '#simulator/flow/network';
import { spellFault, type Fault } from './fault.ts';
import type { Period } from './spell.ts';

/** A link carries nothing for a while. What was on it is disconnected, and so is what comes while it is down. */
export const linkDown = (period: Period, { link }: { readonly link: string }): Fault =>
  spellFault({ ...period, begin: (stage) => stage.disturb(linkPlace(link), { factor: 0 }) });
