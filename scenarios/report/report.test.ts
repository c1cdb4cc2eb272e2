import { describe, expect, it } from 'vitest';
import { hostileName, sampleReportInput, sampleSeeds } from '#test/support/report-samples';
import { memberSummary, rehearsalSummary } from '#test/support/summaries';
import type { ReportExpectation } from './report-input.ts';
import { reportPage } from './report.ts';
import { wilson } from './verdict.ts';

const page = (seeds: number, vms = 10) => reportPage(sampleReportInput(sampleSeeds(seeds, vms)));
const count = (text: string, part: string): number => text.split(part).length - 1;

describe('a report', () => {
  it('says in one sentence whether the wave fits its window, and how likely', () => {
    expect(page(20)).toContain('The wave fits its window in all of 20 seeds, and no VM stays behind in 80 % of them.');
    const late = sampleSeeds(100, 3);
    expect(reportPage(sampleReportInput(late))).toContain('The wave fits its window in 61 % of 100 seeds');
  });

  it('is judged by what the scenario expects, if it says', () => {
    const toned = (...verdicts: readonly ReportExpectation['verdict'][]) => {
      const expectations = verdicts.map((verdict) => ({ text: 'x', required: '90 %', observed: '80 %', verdict }));
      return /class="panel verdict (\w+)"/.exec(
        reportPage(sampleReportInput(sampleSeeds(10, 4), { expectations })),
      )?.[1];
    };
    expect([toned(), toned('met'), toned('met', 'undecided'), toned('undecided', 'notMet')]).toEqual([
      ...['doubtful', 'good', 'doubtful', 'bad'],
    ]);
  });

  it('lets nothing of a scenario become markup', () => {
    const input = sampleReportInput(sampleSeeds(10, 4), {
      expectations: [{ text: hostileName, required: '90 %', observed: hostileName, verdict: 'notMet' }],
      assumptions: [{ name: hostileName, value: hostileName, source: hostileName }],
      version: hostileName,
    });
    const text = reportPage(input);
    expect(text).not.toContain('<img');
    expect(count(text, '&lt;img src=&quot;')).toBeGreaterThanOrEqual(8);
  });

  it('loads nothing, and forbids the browser to load anything', () => {
    const text = page(10);
    expect(text).toContain(`content="default-src 'none'; style-src 'unsafe-inline'`);
    expect(text).not.toMatch(/<(script|link|iframe|object|embed|img)\b|@import|url\(/);
  });

  it('has every chart as a table too, and a name for every table and drawing', () => {
    const text = page(10);
    expect(count(text, '<figure')).toBe(4);
    expect(count(text, '<summary>As a table</summary>')).toBe(4);
    expect(count(text, '<caption')).toBe(count(text, '<table'));
    const drawings = text.match(/<svg [^>]*>/g) ?? [];
    expect(drawings.length).toBeGreaterThan(4);
    expect(drawings.filter((svg) => !/role="img" aria-label="[^"]{10,}"|aria-hidden="true"/.test(svg))).toEqual([]);
  });

  it('names the riskiest VM with what went wrong, and the command that shows it', () => {
    const text = reportPage(sampleReportInput(sampleSeeds(10, 5), { file: "it's.yaml" }));
    expect(text).toContain('The guest did not come to rest');
    expect(text).toContain('sealift rehearse &#39;it&#39;\\&#39;&#39;s.yaml&#39; --seed 4 --log seed-4.db');
  });

  it('says what it was told of expectations and assumptions, and leaves out what it was not', () => {
    expect(page(3)).not.toContain('id="expectations"');
    const text = reportPage(
      sampleReportInput(sampleSeeds(3, 3), {
        expectations: [{ text: 'all is over by five', required: '90 %', observed: 'in 3 of 3 seeds', verdict: 'met' }],
        assumptions: [{ name: 'launch of a target', value: '20 s to 60 s', source: 'assumed' }],
      }),
    );
    expect(text).toMatch(/all is over by five<\/th><td class="number">90 %<\/td><td>in 3 of 3 seeds/);
    expect(text).toMatch(/launch of a target<\/th><td>20 s to 60 s<\/td><td>assumed/);
  });

  it('claims nothing of how likely something is from one seed, and nothing at all from none', () => {
    expect(page(1)).toContain('One seed says what can happen, and not how likely it is.');
    expect(page(1)).not.toContain('confidence');
    const none = reportPage(sampleReportInput([], { asked: 50 }));
    expect(none).toContain('No seed was rehearsed to its end');
    expect(none).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('holds for a wave in which nothing moved and nothing crossed', () => {
    const still = [1, 2].map((seed) => {
      const one = rehearsalSummary(seed, 1_000, [memberSummary('a', 'blocked', 0)]);
      return { ...one, wave: { ...one.wave, lastMoved: null } };
    });
    const text = reportPage(sampleReportInput(still));
    expect(text).toContain('No VM moved in any seed.');
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('says so when it was stopped before all seeds were through', () => {
    expect(reportPage(sampleReportInput(sampleSeeds(7, 3), { asked: 50 }))).toContain('stopped after 7 of 50 seeds');
  });

  it('does not grow with the number of seeds', () => {
    expect(page(400).length).toBeLessThan(1.5 * page(40).length);
  });
});

describe('what so many seeds can tell of a probability', () => {
  it('is little for few seeds, and never certainty', () => {
    expect(wilson(10, 10).low).toBeCloseTo(0.722, 2);
    expect(wilson(0, 100).high).toBeCloseTo(0.037, 2);
    expect(wilson(500, 1_000).low).toBeCloseTo(0.469, 2);
  });
});
