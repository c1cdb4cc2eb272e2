import { expect, it } from 'vitest';
import type { Check } from '#core/migration/facts';
import { checkGroups } from './checks.ts';

const check = (id: string, verdict: Check['verdict']): Check => ({ id, verdict, message: id, remedy: '' });

it('groups checks by verdict, each in the order in which they were made', () => {
  const { failed, warning, passed, summary } = checkGroups([
    check('a', 'passed'),
    check('b', 'failed'),
    check('c', 'warning'),
    check('d', 'failed'),
  ]);
  expect([failed, warning, passed].map((group) => group.map(({ id }) => id))).toEqual([['b', 'd'], ['c'], ['a']]);
  expect(summary).toBe('2 failed, 1 warning, 1 passed');
});

it('says of no checks that nothing was checked', () => expect(checkGroups([]).summary).toBe('nothing was checked'));
