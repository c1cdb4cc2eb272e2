import { expect, it } from 'vitest';
import { migrationId, waveId } from '#core/ids';
import { bytes, instant, millis } from '#core/units';
import type { RehearsalEnding, RehearsalSummary } from '#scenarios/rehearsal-summary';
import { rehearsalLines } from './rehearsal-text.ts';

const ended = (ending: RehearsalEnding): RehearsalSummary => ({
  seed: 1,
  ending,
  wave: { id: waveId('w'), state: 'windowOpen.admitting', started: instant(0), duration: millis(1_000) },
  members: [
    {
      migration: migrationId('web'),
      lifecycle: 'protected',
      replication: 'parked.resting',
      expected: 'finalized',
      downtime: millis(0),
      sent: bytes(0),
      rounds: 1,
    },
  ],
  facts: 1,
});

it('says what the scenario expected otherwise, but not of a rehearsal that was stopped on the way', () => {
  const surprise = expect.stringContaining('the scenario expected finalized') as string;
  expect(rehearsalLines(ended({ type: 'finished' }))).toContainEqual(surprise);
  expect(rehearsalLines(ended({ type: 'stopped' }))).not.toContainEqual(surprise);
});
