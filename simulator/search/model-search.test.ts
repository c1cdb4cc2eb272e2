import fc from 'fast-check';
import { describe, expect, inject, it } from 'vitest';
import { breachLines } from '#core/laws/breach-text';
import type { Law } from '#core/laws/law';
import { laws } from '#core/laws/laws';
import { axesOf } from '#core/migration/abilities';
import { evolve, initialMigration } from '#core/migration/evolve';
import type { MigrationPlan } from '#core/migration/plan';
import { instant, seconds } from '#core/units';
import { samplePlan } from '#test/support/migration-facts';
import { walk, type Draw, type Walk } from './model-search.ts';

const seed = inject('seed');

const anyPlan: fc.Arbitrary<MigrationPlan> = fc
  .record({
    approval: fc.constantFrom('given', 'required', 'requiredByAnother'),
    testLaunch: fc.constantFrom('optional', 'required'),
    handOver: fc.constantFrom('launch', 'replica'),
    onRefusal: fc.constantFrom('force', 'rollBack'),
    onValidationFailure: fc.constantFrom('ask', 'rollBack'),
  } as const)
  .map(({ onRefusal, ...policies }) => samplePlan({ ...policies, quiesce: { timeout: seconds(60), onRefusal } }));
const anyDraws: fc.Arbitrary<readonly Draw[]> = fc.array(
  fc.record({
    // Most of them bring it further, or no walk would come far.
    kind: fc.oneof(
      { weight: 12, arbitrary: fc.constant('goes' as const) },
      { weight: 6, arbitrary: fc.constant('may' as const) },
      { weight: 1, arbitrary: fc.constant('odd' as const) },
    ),
    pick: fc.nat(20),
    waitMs: fc.constantFrom(0, 1_000, 20_000),
  }),
  { maxLength: 150, size: 'max' },
);

/** The story of a walk that breaks a law, as an error. */
function judge(walked: Walk, judgedBy: readonly Law[] = laws): void {
  if (walked.breaches.length === 0) return;
  throw new Error(
    [...breachLines(judgedBy, walked.breaches, instant(0)), 'given a migration', ...walked.story].join('\n'),
  );
}

describe(`a migration, whatever happens to it and in whatever order (SEED=${seed})`, () => {
  it('keeps every law, and is what its log says', () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(anyPlan, anyDraws, (plan, draws) => {
        const walked = walk(plan, draws);
        judge(walked);
        let state = initialMigration();
        for (const { stream, fact, at } of walked.entries) {
          state = evolve(state, fact, { stream, time: at });
          reached.add(axesOf(state).lifecycle);
        }
        expect(state.work).toEqual(walked.state.work);
        expect(state.snapshot.value).toEqual(walked.state.snapshot.value);
        expect(state.snapshot.context).toEqual(walked.state.snapshot.context);
      }),
      { seed, numRuns: 2_000 },
    );
    // A search that never comes to the end of anything finds nothing.
    for (const far of ['finalized', 'cancelled', 'failed', 'rolledBack', 'cuttingOver.undecided', 'testing.running'])
      expect([...reached]).toContain(far);
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
      fc.property(anyPlan, anyDraws, (plan, draws) => judge(walk(plan, draws, [neverQuiesced]), [neverQuiesced])),
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
