import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { collectSometimes } from '#core/sometimes';
import { sometimesLabels } from '#core/sometimes-labels';
import { byState, coverageTally, grown, statesTimesFaults, type Coverage } from '#simulator/search/coverage';
import { swarmShape, swarmSpec } from '#simulator/search/swarm';
import { hasBlockWorld, loadRunBlock } from '#test/support/block-world';

interface Kept {
  /** The worlds that the list was made of: every second one without a fault budget. */
  readonly first: number;
  readonly seeds: number;
  readonly never: Readonly<Record<string, readonly string[]>>;
  readonly unseen: readonly string[];
}

const path = join(import.meta.dirname, 'never-exercised.json');
const kept = JSON.parse(readFileSync(path, 'utf8')) as Kept;
const all = byState(statesTimesFaults);

async function coverageOf({ first, seeds }: Kept): Promise<Coverage> {
  const runBlock = await loadRunBlock();
  const tally = coverageTally();
  for (let seed = first; seed < first + seeds; seed += 1) {
    const collector = collectSometimes();
    const { exercised } = await runBlock(swarmSpec(seed, { ...swarmShape, budget: seed % 2 === 0 }));
    collector.stop();
    tally.add({ exercised, sometimes: Object.fromEntries(collector.seen()) });
  }
  return tally.coverage();
}

describe('what was never exercised', () => {
  it('is named as the charts, the faults and the code name it', () => {
    const unknown = Object.entries(kept.never).flatMap(([state, faults]) =>
      faults.filter((fault) => !all[state]?.some((known) => known === fault)).map((fault) => `${state} ${fault}`),
    );
    expect(unknown).toEqual([]);
    expect(kept.unseen.filter((label) => !sometimesLabels.some((known) => known === label))).toEqual([]);
  });

  it('does not become more', { timeout: 600_000 }, async () => {
    const now = hasBlockWorld() ? await coverageOf(kept) : coverageTally().coverage();
    if (process.env['UPDATE_COVERAGE'] === '1') {
      const { never, unseen } = now;
      writeFileSync(path, `${JSON.stringify({ ...kept, never: byState(never), unseen }, null, 2)}\n`);
    } else expect(grown(kept, now)).toEqual([]);
  });
});
