import { memberSummary, rehearsalSummary } from '#test/support/summaries';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '#core/invariant';
import { millis, minutes } from '#core/units';
import { allMet, expectationLines, expectationTally, judgeOnce } from './expectations.ts';
import { loadScenario, type ScenarioError } from './load.ts';
import type { RehearsalScenario } from './rehearsal-scenario.ts';
import type { RehearsalEnding, RehearsalSummary } from './rehearsal-summary.ts';

const load = (expected: string) =>
  loadScenario(
    `
kind: rehearsal
id: trio
title: Three machines
why: They are enough to expect things of.
estate:
  hosts: [{ name: kvm-1, platform: kvm }]
  vms:
    - { name: web-1, host: kvm-1, disks: [{ size: 8 GiB }] }
    - { name: web-2, host: kvm-1, disks: [{ size: 8 GiB }] }
    - { name: db-1, host: kvm-1, disks: [{ size: 8 GiB }] }
wave: { id: trio, window: { opens: 1 h, closes: 2 h } }
${expected}`,
    'trio.yaml',
  );

function scenarioOf(expected: string): RehearsalScenario {
  const loaded = load(expected);
  if (!loaded.ok || loaded.value.kind !== 'rehearsal') throw new InvariantError(JSON.stringify(loaded));
  return loaded.value;
}
const mistakesIn = (expected: string): readonly string[] => {
  const loaded = load(expected);
  const { problems }: Pick<ScenarioError, 'problems'> = loaded.ok ? { problems: [] } : loaded.error;
  return problems.map(({ path, message }) => `${path} ${message}`);
};

interface Came {
  readonly seed?: number;
  readonly took?: number;
  readonly ending?: RehearsalEnding;
  /** Name, place, minutes down. */
  readonly members?: readonly (readonly [name: string, lifecycle: string, down: number])[];
}
const usual = [
  ['web-1', 'finalized', 2],
  ['web-2', 'finalized', 3],
  ['db-1', 'finalized', 12],
] as const;
const summary = ({
  seed = 1,
  took = 90,
  ending = { type: 'finished' },
  members = usual,
}: Came = {}): RehearsalSummary => {
  const down = members.map(([name, lifecycle, minutesDown]) => memberSummary(name, lifecycle, minutes(minutesDown)));
  return rehearsalSummary(seed, minutes(took), down, { ending });
};
const met = (expected: string, came?: Came): readonly boolean[] =>
  judgeOnce(scenarioOf(`expect: [${expected}]`), summary(came)).map((verdict) => verdict.met);

describe('one rehearsal', () => {
  it('is over within a time, to the millisecond', () => {
    expect(met('{ finishWithin: 90 min }, { finishWithin: 89 min }')).toEqual([true, false]);
    const scenario = scenarioOf('expect: [{ finishWithin: 90 min }]');
    const late = { ...summary(), wave: { ...summary().wave, duration: millis(90 * 60_000 + 1) } };
    expect(judgeOnce(scenario, late)[0]?.met).toBe(false);
  });

  it('is over before its window closes', () => {
    expect(met('{ finishBeforeClose: true }', { took: 120 })).toEqual([true]);
    expect(met('{ finishBeforeClose: true }', { took: 121 })).toEqual([false]);
  });

  it('has no VM down longer, of those it is asked for', () =>
    expect(
      met(
        '{ downtimeMax: 12 min }, { downtimeMax: 11 min }, { downtimeMax: 3 min, vms: web-* }, { downtimeMax: 3 min, vms: [web-1, db-1] }',
      ),
    ).toEqual([true, false, true, false]));

  it('may have a share of them astray', () =>
    expect(met('{ downtimeMax: 5 min, share: 66 % }, { downtimeMax: 5 min, share: 67 % }')).toEqual([true, false]));

  it('ends at one place, or at one of several', () => {
    const members = [...usual.slice(0, 2), ['db-1', 'rolledBack', 9]] as const;
    expect(
      met('{ ends: finalized }, { ends: finalized, vms: web-* }, { ends: [finalized, rolledBack] }', { members }),
    ).toEqual([false, true, true]);
  });

  it('has moved a share of the VMs', () => {
    const members = [...usual.slice(0, 1), ['web-2', 'cutOver', 9], ['db-1', 'rolledBack', 9]] as const;
    expect(met('{ moved: 66 % }, { moved: 67 % }, { moved: 100 %, vms: web-* }', { members })).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('ends where members say, which is one expectation more', () => {
    const scenario = scenarioOf('members: { web-1: { ends: finalized }, db-1: { ends: blocked } }');
    const of = (expected: string) => ({
      ...summary(),
      members: summary().members.map((member) => (member.migration === 'db-1' ? { ...member, expected } : member)),
    });
    expect(judgeOnce(scenario, of('finalized'))).toMatchObject([{ met: true, observed: '2 of 2' }]);
    expect(judgeOnce(scenario, of('blocked'))).toMatchObject([
      { met: false, observed: '1 of 2; db-1 ended finalized' },
    ]);
  });

  it('is not judged when it was stopped', () =>
    expect(met('{ finishWithin: 1 min }', { ending: { type: 'stopped' } })).toEqual([]));

  it('is told with what was seen, and that probabilities were not looked at', () => {
    const scenario = scenarioOf('expect: [{ finishWithin: 2 h, with: 95 % }, { downtimeMax: 5 min }, { moved: 98 % }]');
    expect(expectationLines(judgeOnce(scenario, summary()))).toEqual([
      'Expected:',
      '  met      the wave to be over within 2 h 00 m: took 1 h 30 m',
      '  NOT MET  all VMs to be down at most 5 m 00 s: 2 of 3; longest db-1 with 12 m 00 s',
      '  met      98 % of all VMs to move: 3 of 3',
      '  One seed says nothing of probabilities, which 1 of these have; --seeds 200 does.',
    ]);
  });

  it('of a scenario without expectations has met them', () => {
    const verdicts = judgeOnce(scenarioOf(''), summary());
    expect([verdicts, allMet(verdicts), expectationLines(verdicts)]).toEqual([[], true, []]);
  });
});

describe('many rehearsals', () => {
  const scenario = scenarioOf('expect: [{ finishWithin: 100 min, with: 80 % }, { finishWithin: 100 min }]');
  const after = (seeds: number, late: readonly number[]) => {
    const tally = expectationTally(scenario);
    for (let seed = seeds; seed >= 1; seed -= 1) tally.add(summary({ seed, took: late.includes(seed) ? 101 : 90 }));
    return tally.verdicts();
  };

  it('are judged by their share: one late seed of a hundred breaks "always", not "with 80 %"', () => {
    const verdicts = after(100, [7]);
    expect(verdicts).toMatchObject([
      { verdict: 'met', required: '80 %', seedsMet: 99, brokenBy: [7] },
      { verdict: 'notMet', required: '100 %', seedsMet: 99 },
    ]);
    expect(allMet(verdicts)).toBe(false);
    expect(allMet(after(100, []))).toBe(true);
  });

  it('say so when they are too few, and are not taken for a success', () => {
    const [verdict] = after(10, [1, 4, 5, 9]);
    expect(verdict).toMatchObject({ verdict: 'undecided', met: false, seedsToTell: 16, brokenBy: [1, 4, 5] });
  });

  it('are told with range, seeds to tell and seeds to look at', () =>
    expect(expectationLines(after(10, [4]))).toEqual([
      'Expected:',
      '  too few seeds  the wave to be over within 1 h 40 m, with 80 %: 90 % of 10 seeds (59 % to 98 %); about 62 seeds would tell; not in --seed 4',
      '  NOT MET        the wave to be over within 1 h 40 m, always: 90 % of 10 seeds (59 % to 98 %); not in --seed 4',
      '  Ranges hold the true share with 95 % confidence.',
    ]));
});

describe('an expectation in a file', () => {
  it('says exactly one thing', () => {
    expect(mistakesIn('expect: [{ with: 95 % }]')).toEqual([
      'expect[0] must say what is expected: finishWithin, finishBeforeClose, downtimeMax, ends or moved',
    ]);
    expect(mistakesIn('expect: [{ moved: 9 %, ends: failed }]')[0]).toMatch(/makes two expectations of one/);
  });

  it('has nothing that does not belong to it', () => {
    expect(mistakesIn('expect: [{ finishWithin: 1 h, vms: web-1 }]')[0]).toMatch(/expect\[0\].vms does not belong/);
    expect(mistakesIn('expect: [{ moved: 9 %, share: 9 % }]')[0]).toMatch(/what "moved" itself says already/);
    expect(mistakesIn('expect: [{ moved: 9 %, with: 0 % }]')[0]).toMatch(/must be more than 0 %/);
    expect(mistakesIn('expect: [{ moved: 9 %, wiht: 5 % }]')[0]).toMatch(/did you mean with\?/);
  });

  it('speaks of VMs that are there', () => {
    expect(mistakesIn('expect: [{ ends: finalized, vms: [web-1, wbe-2] }]')).toEqual([
      'expect[0].vms must fit a VM of the estate, and wbe-2 fits none; did you mean web-2?',
    ]);
    expect(mistakesIn('expect: [{ ends: finalized, vms: mail-* }]')[0]).toMatch(/mail-\* fits none/);
    expect(mistakesIn('expect: [{ ends: finalized, vms: "*-1" }]')).toEqual([]);
  });
});
