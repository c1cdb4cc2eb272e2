import fc from 'fast-check';
import { describe, expect, inject, it } from 'vitest';
import type { Law } from '#core/laws/law';
import { samplePlan } from '#test/support/migration-facts';
import { anyDraws, anyPlan, farAway, judgedWalk, soundWalk } from '#test/support/model-walks';
import { walk } from './model-search.ts';

const seed = inject('seed');

describe(`a migration, whatever happens to it and in whatever order (SEED=${seed})`, () => {
  it('keeps every law, and is what its log says', { timeout: 120_000 }, () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(anyPlan, anyDraws, (plan, draws) => soundWalk(plan, draws, (lifecycle) => reached.add(lifecycle))),
      { seed, numRuns: 2_000 },
    );
    expect(farAway.filter((lifecycle) => !reached.has(lifecycle))).toEqual([]);
  });

  it('breaks a law that must not hold, and shrinks to what it takes', () => {
    const neverQuiesced: Law = {
      id: 'L0',
      slug: 'canary',
      statement: 'No source is ever brought to rest.',
      incident: 'there is none: this one shows that the alarm works',
      begin: () => ({
        of:
          () =>
          ({ fact }) =>
            fact.type === 'SourceQuiesced' ? 'it was' : undefined,
      }),
    };
    const found = fc.check(
      fc.property(anyPlan, anyDraws, (plan, draws) => void judgedWalk(plan, draws, [neverQuiesced])),
      // Its own seed: what it shrinks to is held to the letter.
      { seed: 1, numRuns: 500 },
    );
    expect(found.failed).toBe(true);
    const [plan, draws] = found.counterexample ?? [samplePlan(), []];
    expect(walk(plan, draws, [neverQuiesced]).story.map((line) => line.replace(/^\+\d+ s /, '')))
      .toMatchInlineSnapshot(`
      [
        "when DraftMigration",
        "when VerifySource",
        "VerificationPassed",
        "when StartProtection",
        "EffectRequested initiateReplication",
        "ReplicationInitiated",
        "RoundCompleted full, little left",
        "when StartCutover",
        "RoundCompleted delta, little left",
        "EffectRequested quiesceSource",
        "SourceQuiesced",
      ]
    `);
  });
});
