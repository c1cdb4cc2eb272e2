import { testsCatch, testsFor, type Looking } from './catchers.ts';
import type { Caught } from './caught.ts';
import type { Mutant } from './mutant.ts';
import type { TreeCopy } from './tree-copy.ts';

/** What fails without any mutant catches nothing. Looked at once for each file that caught something. */
export interface Baseline {
  /** Throws where what caught the mutant fails without it too. */
  mustBeGreen(caught: Caught, mutant: Mutant, copy: TreeCopy, looking: Looking): Promise<void>;
}

/** A baseline of which nothing was looked at. */
export function baseline(): Baseline {
  const looked = new Map<string, Promise<Caught | undefined>>();
  return {
    mustBeGreen: async ({ catcher, file }, mutant, copy, looking) => {
      // What fails without the mutant has not caught it to begin with.
      if (catcher !== 'tests') return;
      const what = file ?? mutant.tests.join(' ');
      const look = file === null ? testsFor(mutant) : testsCatch(catcher, [file]);
      const known = looked.get(what) ?? look(copy.root, looking);
      looked.set(what, known);
      const red = await known;
      if (red && !looking.signal.aborted) throw new Error(`without any mutant this fails too: ${red.by} (${what})`);
    },
  };
}
