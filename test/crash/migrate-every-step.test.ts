import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MigrationFact } from '#core/migration/facts';
import { mishaps, smallMigration, type SmallMigration } from '#test/support/small-migration';

// Appending the last fact: asked and done.
const appendSteps = 2;

/** Lives the migration again until a life ends with a cutover. */
async function untilCutOver(small: SmallMigration, story: string): Promise<void> {
  for (let lives = 0; lives < 5; lives += 1) {
    const { ending } = await small.live();
    if (ending === 'cutOver') return;
    expect(ending, story).toBe('rolledBack');
  }
  throw new Error(`five lives did not end with a cutover: ${story}`);
}

async function expectCleanEnd(small: SmallMigration, story: string): Promise<void> {
  expect(small.isEqual(), `equal disks: ${story}`).toBe(true);
  expect(small.source.power, `source at rest: ${story}`).toBe('paused');
  expect([...small.source.exports], `no export left: ${story}`).toEqual([]);
  // The comparison at the end must not be what finds a block that a round forgot.
  const facts = await small.facts();
  expect(facts.filter(blamesRounds), `every round right by itself: ${story}`).toEqual([]);
}

// A source that was started again while it was compared differs, and rightly so.
const blamesRounds = (fact: MigrationFact): boolean =>
  fact.type === 'ValidationFailed' &&
  fact.data.checks.some(({ id, verdict }) => id === 'source-at-rest' && verdict === 'passed');

describe('a migration in which nothing goes wrong', () => {
  it('ends with replicas that hold what the source holds, and a source at rest', async () => {
    const small = smallMigration();
    expect(await small.live()).toMatchObject({ ending: 'cutOver' });
    await expectCleanEnd(small, 'nothing went wrong');
    const types = (await small.facts()).map(({ type }) => type);
    expect(types.filter((type) => type !== 'RoundProgressed')).toEqual([
      ...['MigrationDrafted', 'VerificationRequested', 'VerificationPassed', 'ProtectionStarted', 'EffectRequested'],
      ...['ReplicationInitiated', 'RoundCompleted', 'CutoverApproved', 'CutoverStarted', 'RoundCompleted'],
      ...['EffectRequested', 'SourceQuiesced', 'FinalSyncCompleted', 'EffectRequested', 'SourceFenced'],
      'TargetValidated',
    ]);
  });
});

describe.each(mishaps)('%s', (kind) => {
  it('at any step, and the migration still ends with equal disks, every round right by itself', async () => {
    const { steps } = await smallMigration().live();
    expect(steps).toBeGreaterThan(50);
    // After the last look at the source there is only the fact to append: what happens then is another story.
    for (let at = 1; at <= steps - appendSteps; at += 1) {
      const small = smallMigration();
      const story = `${kind} at step ${at}`;
      const { ending } = await small.live({ mishap: { at, kind } });
      if (ending !== 'cutOver') await untilCutOver(small, story);
      await expectCleanEnd(small, story);
      // The source went on all the while: whoever takes it up again finds every mark that it needs.
      if (kind !== 'processDies' && kind !== 'sourceIsCut') continue;
      expect((await small.facts()).filter(({ type }) => type === 'TrackingLost').length, story).toBe(0);
    }
  });
});

describe('several mishaps', () => {
  it('one after the other, and the migration still ends with equal disks, every round right by itself', async () => {
    const mishap = fc.record({ at: fc.integer({ min: 1, max: 130 }), kind: fc.constantFrom(...mishaps) });
    const run = async (lives: readonly { at: number; kind: (typeof mishaps)[number] }[]): Promise<void> => {
      const small = smallMigration();
      const story = JSON.stringify(lives);
      for (const one of lives) {
        const { ending, steps } = await small.live({ mishap: one });
        if (ending === 'cutOver') {
          fc.pre(one.at <= steps - appendSteps || one.at > steps);
          break;
        }
        // Nor is what befalls the source once the log has the last fact, and before anybody has heard of it.
        const isOver = (await small.facts()).some(({ type }) => type === 'TargetValidated');
        if (isOver) fc.pre(one.kind === 'processDies');
      }
      await untilCutOver(small, story);
      await expectCleanEnd(small, story);
    };
    await fc.assert(fc.asyncProperty(fc.array(mishap, { minLength: 2, maxLength: 6 }), run), { numRuns: 100 });
  });
});
