import { describe, expect, it } from 'vitest';
import { instant, millis } from '#core/units';
import { memberId as id } from '#test/support/obedient-fleet';
import { wavePlanProblems } from './plan-problems.ts';
import type { WaveMember, WavePlan } from './plan.ts';

const bare = (n: number, more: Partial<WaveMember> = {}): WaveMember => ({ migration: id(n), after: [], ...more });
const wave = (members: readonly WaveMember[], changes: Partial<WavePlan> = {}): WavePlan => ({
  name: 'first',
  members,
  window: { opens: instant(100), closes: instant(200) },
  limits: { replicating: 2, cuttingOver: 2 },
  onWindowClose: 'rollBack',
  requester: 'ada',
  ...changes,
});
const withTokens = (tokens: Record<string, number>) => ({ limits: { replicating: 2, cuttingOver: 2, tokens } });
const crm = { application: 'crm' };

describe('a wave plan', () => {
  it('that can be carried out has no problems', () => {
    expect(wavePlanProblems(wave([bare(0)]))).toEqual([]);
    expect(
      wavePlanProblems(
        wave([bare(0, crm), bare(1, { ...crm, after: [id(0)], expected: millis(99), priority: -1 })], {
          ...withTokens({ gateway: 1 }),
          together: ['crm'],
          retry: { times: 1, after: millis(1), reserve: millis(50) },
        }),
      ),
    ).toEqual([]);
  });

  it.each<[string, WavePlan, string]>([
    ['an order that leads out of it', wave([bare(0, { after: [id(9)] })]), 'vm-9, which is not in the wave'],
    ['a circle', wave([bare(0, { after: [id(1)] }), bare(1, { after: [id(0)] })]), 'comes after itself'],
    ['one that waits for itself', wave([bare(0, { after: [id(0)] })]), 'vm-0 comes after itself'],
    ['a member twice', wave([bare(0), bare(0)]), 'must not name a migration twice'],
    ['no member', wave([]), 'at least one migration'],
    ['no window', wave([bare(0)], { window: { opens: instant(2), closes: instant(2) } }), 'window.closes'],
    ['a priority that is none', wave([bare(0, { priority: 0.5 })]), 'must be a whole number, got 0.5'],
    [
      'a cutover that never fits the window',
      wave([bare(0, { expected: millis(100) })]),
      'vm-0 is expected to take 100 ms, which is not within the window of 100 ms',
    ],
    [
      'one that needs more than there is (L11)',
      wave([bare(0, { resources: { replicating: { 'host a': 3 } } })], withTokens({ 'host a': 2 })),
      'vm-0 takes 3 of host a while replicating, and there are 2: it could never go',
    ],
    [
      'a resource that nobody counts',
      wave([bare(0, { resources: { cuttingOver: { 'hots a': 1 } } })], withTokens({ 'host a': 2 })),
      'vm-0 takes 1 of hots a, of which limits.tokens says nothing',
    ],
    ['tokens in parts', wave([bare(0)], withTokens({ wan: 0.5 })), 'limits.tokens of wan must be a natural number'],
    [
      'an application that is larger than the limit (L16)',
      wave([bare(0, crm), bare(1, crm), bare(2, crm)], { together: ['crm'] }),
      'the 3 members of crm cut over together, and limits.cuttingOver is 2: they could never go',
    ],
    [
      'an application that needs more than there is',
      wave(
        [0, 1].map((n) => bare(n, { ...crm, resources: { cuttingOver: { wan: 2 } } })),
        { ...withTokens({ wan: 3 }), together: ['crm'] },
      ),
      'the members of crm take 4 of wan together, and there are 3: they could never go',
    ],
    ['an application of nobody', wave([bare(0)], { together: ['crm'] }), 'together names crm'],
    [
      'members that are to be together and apart',
      wave([bare(0, { ...crm, apart: ['c'] }), bare(1, { ...crm, apart: ['c'] })], { together: ['crm'] }),
      'vm-0 and vm-1 of crm cut over together, and are to be apart',
    ],
    [
      'an application that waits for one that waits for it',
      wave([bare(0, crm), bare(1, { after: [id(0)] }), bare(2, { ...crm, after: [id(1)] })], { together: ['crm'] }),
      'comes after itself: through the order of members',
    ],
    ['no tries', wave([bare(0)], { retry: { times: 0, after: millis(1) } }), 'retry.times must be at least 1'],
    ['no back-off', wave([bare(0)], { retry: { times: 1, after: millis(0) } }), 'retry.after must be more than 0 ms'],
    [
      'a reserve as long as the window',
      wave([bare(0)], { retry: { times: 1, after: millis(1), reserve: millis(100) } }),
      'retry.reserve must be shorter than the window',
    ],
  ])('with %s says so', (_what, plan, problem) => {
    expect(wavePlanProblems(plan)).toEqual([expect.stringContaining(problem)]);
  });
});
