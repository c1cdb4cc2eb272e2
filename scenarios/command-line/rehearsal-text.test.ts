import { expect, it } from 'vitest';
import type { RehearsalEnding } from '#scenarios/rehearsal-summary';
import { memberSummary, rehearsalSummary } from '#test/support/summaries';
import { rehearsalLines } from './rehearsal-text.ts';

const ended = (ending: RehearsalEnding) =>
  rehearsalSummary(1, 1_000, [memberSummary('web', 'protected', 0, { expected: 'finalized' })], { ending });

it('says what the scenario expected otherwise, but not of a rehearsal that was stopped on the way', () => {
  const surprise = expect.stringContaining('the scenario expected finalized') as string;
  expect(rehearsalLines(ended({ type: 'finished' }))).toContainEqual(surprise);
  expect(rehearsalLines(ended({ type: 'stopped' }))).not.toContainEqual(surprise);
});
