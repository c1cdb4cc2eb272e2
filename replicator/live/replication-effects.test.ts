import { expect, it } from 'vitest';
import { smallMigration } from '#test/support/small-migration';

it('a replication that nobody answers whether it was begun keeps no secret of the error', async () => {
  const small = smallMigration();
  const detail = 'nbds://u:hunter2@host broke, password=hunter2';
  small.source.breakNext('beginMark', { type: 'Unreachable', operation: 'beginMark', detail });
  expect((await small.live()).ending).toBe('cutOver');
  const facts = await small.facts();
  expect(facts.find(({ type }) => type === 'OutcomeUnknown')?.data).toMatchObject({
    ...{ effect: 'initiateReplication', why: expect.stringContaining('nbds://u:***@host broke, password=***') },
  });
  expect(JSON.stringify(facts)).not.toContain('hunter2');
});
