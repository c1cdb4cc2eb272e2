import { describe, expect, it } from 'vitest';
import { sampleReportInput, sampleSeeds } from '#test/support/report-samples';
import { forecastLines } from './forecast-text.ts';

describe('a forecast on a terminal', () => {
  const { forecast } = sampleReportInput(sampleSeeds(10, 6));
  const lines = forecastLines(forecast);

  it('fits 80 columns', () => {
    expect(lines.filter((line) => line.length > 80 && !line.includes('<img'))).toEqual([]);
  });

  it('names the bottleneck, by the hour', () => {
    expect(lines).toContain('Bottleneck: link wan, the tightest place for 2 h 00 m, up to 99.1 % used');
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}0 h to 1 h +link wan {2}\[#{20}\] 99\.1 %$/));
  });

  it('says how likely the wave fits, and why a VM did not move', () => {
    expect(lines[1]).toBe('It fits its window (2 h to 4 h) in 100 %; no VM stays behind in 80 %');
    expect(lines.join('\n')).toContain('the guest did not come to rest in 10 %');
  });

  it('has nothing to say of no seeds', () => {
    expect(forecastLines(sampleReportInput([]).forecast)).toEqual(['no seed was rehearsed to its end']);
  });
});
