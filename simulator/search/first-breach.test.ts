import { expect, it } from 'vitest';
import type { Law } from '#core/laws/law';
import { laws } from '#core/laws/laws';
import { runBlock } from '#simulator/block/world/block-world';
import { sampleSpec } from '#test/support/block-specs';
import { runToFirstBreach } from './first-breach.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const law = (id: Law['id'], type: string): Law => ({
  ...{ id, slug: 'canary', statement: `There is no ${type}.`, incident: 'none: it shows that the alarm works' },
  begin: () => ({ of: (each) => () => (each === type ? 'there is one' : undefined) }),
});

it('a world ends with the fact that breaks its law, and not with that of another', async () => {
  const judgedBy = [...laws, law('L901', 'ReplicationInitiated'), law('L902', 'SourceQuiesced')];
  const spec = sampleSpec();
  const whole = await runBlock(spec, { turn, laws: judgedBy });
  const short = await runToFirstBreach(runBlock, { turn, laws: judgedBy, law: 'L902' })(spec);
  const told = (facts: typeof whole.facts): readonly string[] => facts.map(({ id, type }) => `${id} ${type}`);
  expect(whole.facts.at(-1)?.type).not.toBe('SourceQuiesced');
  expect(told(short.facts)).toEqual(told(whole.facts).slice(0, short.facts.length));
  expect(short.facts.filter(({ type }) => type === 'SourceQuiesced')).toHaveLength(1);
  expect(short.facts.some(({ type }) => type === 'SourceFenced')).toBe(false);
  expect(short.breaches).toEqual(whole.breaches);
  expect(short.breaches.map(({ law: id }) => id)).toEqual(['L901', 'L902']);
});
