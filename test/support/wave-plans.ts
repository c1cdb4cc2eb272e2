import fc from 'fast-check';
import { instant, millis } from '#core/units';
import { wavePlanProblems } from '#core/wave/plan-problems';
import type { WaveMember, WavePlan } from '#core/wave/plan';
import { memberId } from './obedient-fleet.ts';

/** Which of what a plan may say shall be in it. */
export interface PlanFeatures {
  readonly apart: boolean;
  readonly retry: boolean;
  readonly expected: boolean;
}

const tokens = { host: 3, link: 4 };
const need = fc.dictionary(fc.constantFrom('host', 'link'), fc.integer({ min: 1, max: 3 }), { maxKeys: 2 });

const member = ({ apart, expected }: PlanFeatures) =>
  fc.record({
    after: fc.array(fc.nat({ max: 6 }), { maxLength: 2 }),
    priority: fc.constantFrom(undefined, -1, 0, 1),
    application: fc.constantFrom(undefined, 'crm', 'shop'),
    apart: apart ? fc.constantFrom(undefined, ['cluster'], ['other'], ['cluster', 'other']) : fc.constant(undefined),
    replicating: need,
    cuttingOver: need,
    expected: expected ? fc.constantFrom(undefined, millis(20), millis(50)) : fc.constant(undefined),
    cutoversBefore: fc.constantFrom(undefined, 0, 1),
  });

/** Any plan of a few members that can be carried out: order, priorities, applications, tokens, and what is asked for. */
export const anyWavePlan = (features: PlanFeatures): fc.Arbitrary<WavePlan> =>
  fc
    .record({
      members: fc.array(member(features), { minLength: 1, maxLength: 7 }),
      replicating: fc.integer({ min: 1, max: 4 }),
      cuttingOver: fc.integer({ min: 1, max: 4 }),
      together: fc.subarray(['crm', 'shop']),
      retry: features.retry
        ? fc.constantFrom(
            undefined,
            { times: 1, after: millis(5) },
            { times: 3, after: millis(5), reserve: millis(30) },
          )
        : fc.constant(undefined),
    })
    .map(({ members, replicating, cuttingOver, together, retry }): WavePlan => {
      const made = members.map((each, n) => memberOf(each, n));
      return {
        name: 'any',
        members: made,
        window: { opens: instant(100), closes: instant(200) },
        limits: { replicating, cuttingOver, tokens },
        together: together.filter((name) => made.some(({ application }) => application === name)),
        ...(retry && { retry }),
        onWindowClose: 'rollBack',
        requester: 'ada',
      };
    })
    .filter((plan) => wavePlanProblems(plan).length === 0);

function memberOf(
  {
    after,
    replicating,
    cuttingOver,
    ...rest
  }: {
    readonly after: readonly number[];
    readonly replicating: Readonly<Record<string, number>>;
    readonly cuttingOver: Readonly<Record<string, number>>;
  },
  n: number,
): WaveMember {
  const said = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return {
    migration: memberId(n),
    after: [...new Set(after)].filter((other) => other < n).map(memberId),
    resources: { replicating, cuttingOver },
    ...said,
  };
}
