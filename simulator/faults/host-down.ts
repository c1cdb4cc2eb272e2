import { spellFault, type Fault } from './fault.ts';
import type { Period } from './spell.ts';

/**
 * A source host fails: its guests stop, and nothing can be read from it or asked of it. When it is back, the guests that
 * ran run again, and what was written since their change marks is not known any more.
 */
export const hostDown = (period: Period, { host }: { readonly host: string }): Fault =>
  spellFault({ ...period, begin: (stage) => stage.failHost(host) });
