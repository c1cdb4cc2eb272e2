import { expect, it } from 'vitest';
import { judgeLog } from '#core/laws/judge';
import { lawsOfModule } from '#scenarios/check/property-module';
import { drafted, entriesOf, line } from '#test/support/law-logs';
import * as property from './downtime-promise.ts';

const laws = lawsOfModule(property);
const judged = (isOver: boolean, ...minutes: readonly number[]) =>
  judgeLog(
    laws,
    entriesOf([
      drafted(),
      line('SourceQuiesced', {}, { at: 60 }),
      ...minutes.map((after) => line('TargetValidated', {}, { at: 60 + after * 60 })),
    ]),
    { isOver },
  );

it('an hour of downtime is kept to, more is not, and neither is a source that is never given back', () => {
  expect(laws).toMatchObject([{ id: 'L101' }]);
  expect(judged(true, 60)).toEqual([]);
  expect(judged(true, 61)).toMatchObject([
    { law: 'L101', fact: { type: 'TargetValidated' }, why: 'it was down for 61 minutes' },
  ]);
  expect(judged(false)).toEqual([]);
  expect(judged(true)).toMatchObject([{ law: 'L101', fact: null, why: 'it is still down' }]);
});
