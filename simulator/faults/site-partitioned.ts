import { linkPlace } from '#simulator/flow/network';
import { spellFault, type Fault } from './fault.ts';
import type { Period } from './spell.ts';

/**
 * The sites cannot talk to each other: nothing crosses any link.
 *
 * @differs Only streams feel a partition; what is asked of the source site, such as a fence, still arrives there.
 */
export const sitePartitioned = (period: Period, { links }: { readonly links: readonly string[] }): Fault =>
  spellFault({
    ...period,
    begin(stage) {
      const mended = links.map((link) => stage.disturb(linkPlace(link), { factor: 0 }));
      return () => {
        for (const mend of mended) mend();
      };
    },
  });
