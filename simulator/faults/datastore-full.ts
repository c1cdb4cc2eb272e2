import { datastorePlace } from '#simulator/flow/network';
import { spellFault, type Fault } from './fault.ts';
import type { Period } from './spell.ts';

/** A datastore takes nothing more until somebody has freed space, which is when the period is over. Replicas on it stall. */
export const datastoreFull = (period: Period, { datastore }: { readonly datastore: string }): Fault =>
  spellFault({ ...period, begin: (stage) => stage.disturb(datastorePlace(datastore), { factor: 0 }) });
