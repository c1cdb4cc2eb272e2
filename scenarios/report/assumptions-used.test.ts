import { expect, it } from 'vitest';
import { assumptionRows } from '#simulator/flow/assumptions';
import { rehearsalFrom } from '#test/rehearsal/rehearsed';
import { assumptionsUsed } from './assumptions-used.ts';

const scenario = (more: string) =>
  rehearsalFrom(`
kind: rehearsal
id: w
title: t
why: w
estate: { generate: { vms: 1 } }
wave: { id: w, window: { opens: 1 h, closes: 2 h } }
${more}
`);

it('tells every constant with its source, and first what the scenario says otherwise', () => {
  const usual = assumptionsUsed(scenario(''));
  expect(usual).toHaveLength(assumptionRows().length);
  expect(usual.filter(({ source }) => source === '')).toEqual([]);
  const [first, ...rest] = assumptionsUsed(scenario('assumptions: { target: { powerOn: 90 s to 120 s } }'));
  expect(first).toMatchObject({ name: 'target.powerOn', value: '90 s to 120 s' });
  expect(first?.source).toMatch(/^this scenario; otherwise \d+ s to \d+ s$/);
  expect(rest.some(({ source }) => source.startsWith('this scenario'))).toBe(false);
});
