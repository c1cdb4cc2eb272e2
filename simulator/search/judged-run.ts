import { entryOf, judgeLog } from '#core/laws/judge';
import type { Law } from '#core/laws/law';
import type { RunBlock } from '#simulator/block/spec';

/**
 * Runs worlds and holds their logs to more laws than those that every log must satisfy: a user's own, or one that must
 * fail, to see that the alarm works. They see the log alone.
 */
export const judgedRun =
  (run: RunBlock, laws: readonly Law[]): RunBlock =>
  async (spec) => {
    const outcome = await run(spec);
    const entries = outcome.facts.filter(({ stream }) => /^(migration|wave)-/.test(stream)).map(entryOf);
    const isOver = outcome.stuck.length === 0 && outcome.crash === null;
    const breaches = judgeLog(laws, entries, { isOver });
    if (breaches.length === 0) return outcome;
    return {
      ...outcome,
      ending: outcome.ending === 'crashed' ? 'crashed' : 'broken',
      breaches: [...outcome.breaches, ...breaches],
    };
  };
