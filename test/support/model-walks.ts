import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { breachLines } from '#core/laws/breach-text';
import type { Law } from '#core/laws/law';
import { laws } from '#core/laws/laws';
import { axesOf } from '#core/migration/abilities';
import { evolve, initialMigration } from '#core/migration/evolve';
import type { MigrationPlan } from '#core/migration/plan';
import { instant, seconds } from '#core/units';
import { walk, type Draw } from '#simulator/search/model-search';
import { samplePlan } from './migration-facts.ts';

/** A plan with any of the policies that there are. */
export const anyPlan: fc.Arbitrary<MigrationPlan> = fc
  .record({
    approval: fc.constantFrom('given', 'required', 'requiredByAnother'),
    testLaunch: fc.constantFrom('optional', 'required'),
    handOver: fc.constantFrom('launch', 'replica'),
    onRefusal: fc.constantFrom('force', 'rollBack'),
    onValidationFailure: fc.constantFrom('ask', 'rollBack'),
  } as const)
  .map(({ onRefusal, ...policies }) => samplePlan({ ...policies, quiesce: { timeout: seconds(60), onRefusal } }));

/** Whatever may happen to a migration. */
export const anyDraws: fc.Arbitrary<readonly Draw[]> = fc.array(
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

/** Where some of many walks come to. A search that never comes to the end of anything finds nothing. */
export const farAway: readonly string[] = [
  'finalized',
  'cancelled',
  'failed',
  'rolledBack',
  'cuttingOver.undecided',
  'testing.running',
];

/** Walks, and throws the story of a walk that breaks a law. */
export function judgedWalk(plan: MigrationPlan, draws: readonly Draw[], judgedBy: readonly Law[] = laws) {
  const walked = walk(plan, draws, judgedBy);
  if (walked.misjudgement !== undefined) throw new Error([walked.misjudgement, ...walked.story].join('\n'));
  if (walked.breaches.length === 0) return walked;
  throw new Error(
    [...breachLines(judgedBy, walked.breaches, instant(0)), 'given a migration', ...walked.story].join('\n'),
  );
}

/** Walks, and throws if a law is broken or the log says something else than what was lived. Tells each lifecycle that was reached. */
export function soundWalk(plan: MigrationPlan, draws: readonly Draw[], onState: (lifecycle: string) => void): void {
  const walked = judgedWalk(plan, draws);
  let state = initialMigration();
  for (const { stream, fact, at } of walked.entries) {
    state = evolve(state, fact, { stream, time: at });
    onState(axesOf(state).lifecycle);
  }
  const told = [state.work, state.snapshot.value, state.snapshot.context];
  const lived = [walked.state.work, walked.state.snapshot.value, walked.state.snapshot.context];
  if (!isDeepStrictEqual(told, lived))
    throw new Error(`the log says something else than what was lived: ${walked.story.join('\n')}`);
}
