import { describe, expect, it } from 'vitest';
import { byState, coverageTally, grown, statesTimesFaults } from './coverage.ts';

describe('coverage', () => {
  it('knows every state in which a fault can strike a migration, and no other', () => {
    const states = Object.keys(byState(statesTimesFaults));
    expect(states).toEqual(
      expect.arrayContaining(['verifying', 'protected', 'cuttingOver.fencing', 'testing.running']),
    );
    for (const ended of ['undrafted', 'finalized', 'cancelled', 'cuttingOver']) expect(states).not.toContain(ended);
  });

  it('counts worlds, and keeps what none of them had', () => {
    const tally = coverageTally();
    const pair = { state: 'cuttingOver.fencing', fault: 'linkCut' } as const;
    tally.add({ exercised: [pair, pair], sometimes: { 'driver: an answer was lost': 3 } });
    tally.add({ exercised: [pair], sometimes: { 'driver: an answer was lost': 1 } });
    const { exercised, never, seen, unseen } = tally.coverage();
    expect(exercised).toEqual([{ ...pair, worlds: 2 }]);
    expect(never).toHaveLength(statesTimesFaults.length - 1);
    expect(seen).toEqual([{ label: 'driver: an answer was lost', times: 4 }]);
    expect(unseen).not.toContain('driver: an answer was lost');
  });

  it('has become less where something is missing that was not missing before', () => {
    const { never, unseen } = coverageTally().coverage();
    const kept = { never: byState(never), unseen };
    expect(grown(kept, { never, unseen })).toEqual([]);
    expect(grown(kept, { never: never.slice(1), unseen: [] })).toEqual([]);
    const shorter = { never: byState(never.slice(1)), unseen: unseen.slice(1) };
    expect(grown(shorter, { never, unseen })).toEqual([`${never[0]?.state} ${never[0]?.fault}`, unseen[0]]);
  });
});
