import { instant } from '#core/units';
import type { BlockOutcome, RunBlock } from '#simulator/block/spec';

/** An outcome in which nothing happened and every law holds. */
export const heldOutcome: BlockOutcome = {
  ...{ ending: 'held', breaches: [], crash: null, stuck: [], facts: [], hash: '', decisions: [], exercised: [] },
};

/** A run that breaks L5 in a VM whenever `breaks` says so: a bug that is planted, to see it found and shrunk. */
export const plantedRun =
  (breaks: (spec: Parameters<RunBlock>[0]) => string | undefined): RunBlock =>
  async (spec) => {
    const vm = breaks(spec);
    if (vm === undefined) return heldOutcome;
    const breach = { law: 'L5', slug: 'every-byte-arrives', stream: `migration-${vm}`, fact: null } as const;
    return { ...heldOutcome, ending: 'broken', breaches: [{ ...breach, at: instant(0), why: 'planted' }] };
  };
