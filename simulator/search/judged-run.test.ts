import { expect, it } from 'vitest';
import { entryOf } from '#core/laws/judge';
import type { Law } from '#core/laws/law';
import type { RecordedFact } from '#core/event-log/event-log';
import { sampleSpec } from '#test/support/block-specs';
import { heldOutcome, plantedRun } from '#test/support/planted-runs';
import { judgedRun } from './judged-run.ts';

/** A law that must fail: nothing is ever approved. It shows that the alarm works. */
const canary: Law = {
  id: 'L0',
  slug: 'canary',
  statement: 'No cutover is ever approved.',
  incident: 'there is none: this one shows that the alarm works',
  begin: () => ({
    of:
      () =>
      ({ fact }) =>
        fact.type === 'CutoverApproved' ? 'it was' : undefined,
    end: ({ isOver }) => (isOver ? [{ stream: 'wave-night', why: 'nothing goes on' }] : []),
  }),
};
const approved = {
  ...{ stream: 'migration-vm-1', revision: 0, position: 1, type: 'CutoverApproved', data: { by: 'grace' } },
  metadata: { time: 1_000, actor: 'operator:grace', schemaVersion: 1 },
} as unknown as RecordedFact;

it('a canary law that must fail does, in what happened and in what did not', async () => {
  expect(entryOf(approved).fact.type).toBe('CutoverApproved');
  const judged = await judgedRun(async () => ({ ...heldOutcome, facts: [approved] }), [canary])(sampleSpec());
  expect(judged).toMatchObject({
    ending: 'broken',
    breaches: [
      { law: 'L0', stream: 'migration-vm-1', fact: { type: 'CutoverApproved' } },
      { law: 'L0', stream: 'wave-night', fact: null },
    ],
  });
});

it('of a world that is not over only what happened is judged, and what else is wrong with it stays', async () => {
  const stuck = { ...heldOutcome, ending: 'notLive', stuck: [{ vm: 'vm-1', where: 'protected' }] } as const;
  expect(await judgedRun(async () => stuck, [canary])(sampleSpec())).toEqual(stuck);
  const broken = await judgedRun(
    plantedRun(() => 'vm-1'),
    [canary],
  )(sampleSpec());
  expect(broken.breaches.map(({ law }) => law)).toEqual(['L5', 'L0']);
});
