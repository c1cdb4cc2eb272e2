import { describe, expect, it } from 'vitest';
import type { LawId } from '#core/laws/law';
import { instant, minutes } from '#core/units';
import { memberSummary as member, rehearsalSummary as summary } from '#test/support/summaries';
import type { TroubleType } from './trouble.ts';
import { forecaster } from './forecast.ts';
import type { RehearsalSummary } from './rehearsal-summary.ts';

describe('a forecast', () => {
  it('names the VM at risk first, and the seeds to look at', () => {
    const found = forecaster();
    found.add(
      summary(1, 1_000, [member('db', 'finalized', 50, { expected: 'finalized' }), member('web', 'cutOver', 10)]),
    );
    found.add(
      summary(2, 9_000, [member('db', 'rolledBack', 0, { expected: 'finalized' }), member('web', 'cutOver', 20)]),
    );
    found.add(
      summary(3, 2_000, [member('db', 'finalized', 900, { expected: 'finalized' }), member('web', 'rolledBack', 30)]),
    );
    const forecast = found.forecast();
    expect(forecast).toMatchObject({
      seeds: 3,
      asExpected: 2,
      worst: { duration: 2, downtime: 3, finish: 2, surprises: 2 },
    });
    expect(forecast.duration?.largest).toBe(9_000);
    expect(forecast.members.map(({ migration, surprised, notMoved }) => [migration, surprised, notMoved])).toEqual([
      ['db', 1, 1],
      ['web', 0, 1],
    ]);
    expect(forecast.members[0]?.ends).toEqual([
      ['finalized', 2],
      ['rolledBack', 1],
    ]);
  });

  it('does not call a VM at risk that stays where it is expected to stay', () => {
    const found = forecaster();
    found.add(summary(1, 1_000, [member('old', 'rolledBack', 0, { expected: 'rolledBack' })]));
    expect(found.forecast()).toMatchObject({ asExpected: 1, downtime: null, members: [{ notMoved: 0, surprised: 0 }] });
  });

  it('is the same in whatever order the seeds come', () => {
    const all = [5, 1, 4, 2, 3, 6].map((seed) =>
      summary(seed, 1_000 * (seed % 3), [member('db', seed % 2 ? 'cutOver' : 'failed', 10 * (seed % 2))]),
    );
    const of = (summaries: readonly RehearsalSummary[]) => {
      const found = forecaster();
      for (const one of summaries) found.add(one);
      return found.forecast();
    };
    expect(of(all)).toEqual(of(all.toReversed()));
  });

  it('counts the seeds that break a law, and keeps the first breach of the lowest', () => {
    const breach = (law: LawId, why: string) => ({
      ...{ law, slug: 'a-law', stream: 'migration-a' as const, fact: null, at: instant(0), why },
    });
    const found = forecaster();
    found.add(summary(7, 10, [], { breaches: [breach('L12', 'late'), breach('L12', 'again'), breach('L4', 'both')] }));
    found.add(summary(3, 10, [], { breaches: [breach('L12', 'early')] }));
    found.add(summary(9, 10, []));
    expect(found.forecast().breaches).toMatchObject([
      { law: 'L4', seeds: 1, first: { seed: 7, breach: { why: 'both' } } },
      { law: 'L12', seeds: 2, first: { seed: 3, breach: { why: 'early' } } },
    ]);
  });

  it('knows nothing of no seeds', () => {
    expect(forecaster().forecast()).toEqual({
      seeds: 0,
      vms: 0,
      asExpected: 0,
      expects: false,
      inWindow: 0,
      complete: 0,
      window: null,
      finish: null,
      duration: null,
      downtime: null,
      left: null,
      members: [],
      course: null,
      usage: null,
      worst: null,
      breaches: [],
    });
  });

  it('tells a wave that had too little time from one in which a VM failed', () => {
    const found = forecaster();
    const trouble = (type: TroubleType) => ({ trouble: { type, detail: '' } });
    found.add(summary(1, 4_000, [member('a', 'rolledBack', 0, trouble('launchFailed'))]));
    found.add(summary(2, 4_000, [member('a', 'protected', 0, trouble('noTurn'))]));
    found.add(summary(3, 5_001, [member('a', 'finalized', 10)]));
    found.add(summary(4, 5_000, [member('a', 'finalized', 10)]));
    expect(found.forecast()).toMatchObject({ seeds: 4, inWindow: 2, complete: 2, left: { p50: 0, largest: 1 } });
  });

  it('says of each VM what went wrong, what kept it from moving first, and with the particulars of the lowest seed', () => {
    const found = forecaster();
    const overcome = { trouble: { type: 'disconnected', detail: 'wan is down' } } as const;
    found.add(summary(3, 1, [member('a', 'finalized', 1, overcome)]));
    found.add(summary(4, 1, [member('a', 'finalized', 1, overcome)]));
    found.add(summary(9, 1, [member('a', 'rolledBack', 1, { trouble: { type: 'launchFailed', detail: 'later' } })]));
    found.add(summary(7, 1, [member('a', 'rolledBack', 1, { trouble: { type: 'launchFailed', detail: 'first' } })]));
    found.add(summary(8, 1, [member('a', 'rolledBack', 1, { trouble: { type: 'launchFailed', detail: 'later' } })]));
    expect(found.forecast().members[0]).toMatchObject({ seeds: 5, notMoved: 3, seed: 7 });
    expect(found.forecast().members[0]?.reasons).toEqual([
      { type: 'launchFailed', detail: 'first', seeds: 3, moved: 0 },
      { type: 'disconnected', detail: 'wan is down', seeds: 2, moved: 2 },
    ]);
  });

  it('is the same in whatever order seeds of different lengths come', () => {
    const long = (seed: number, step: number, rows: number): RehearsalSummary =>
      summary(seed, 1, [], {
        course: { step: minutes(step), rows: Array.from({ length: rows }, (_row, i) => [9 - i, 0, 0, 0, i, 0, 0]) },
        usage: {
          bucket: minutes(15 * step),
          places: [{ name: 'link wan', capacity: 100, carried: [7 * seed, 90_000, seed] }],
        },
      });
    const all = [long(1, 1, 4), long(2, 4, 3), long(3, 2, 7), long(4, 1, 9)];
    const of = (summaries: readonly RehearsalSummary[]) => {
      const found = forecaster();
      for (const one of summaries) found.add(one);
      return found.forecast();
    };
    const forecast = of(all);
    for (const order of [all.toReversed(), [all[2], all[0], all[3], all[1]].flatMap((one) => one ?? [])])
      expect(of(order)).toEqual(forecast);
    expect(forecast.course?.step).toBe(minutes(4));
    // At 8 min: 3, 2, 4 and 8 have moved.
    expect(forecast.course?.moments[2]?.means[4]).toBe(17 / 4);
    expect(forecast.course?.moments[2]?.moved).toEqual({ p10: 2, p50: 3, p90: 8 });
  });
});

describe('the bottleneck', () => {
  const hour = [250, 250, 250, 250].map((n) => n * 900);
  const used = (places: readonly (readonly [string, readonly number[]])[]) => {
    const found = forecaster();
    const usage = { bucket: minutes(15), places: places.map(([name, carried]) => ({ name, capacity: 250, carried })) };
    found.add(summary(1, 1, [], { usage }));
    return found.forecast().usage;
  };

  it('is the place that was full the longest, told by the hour', () => {
    const usage = used([
      ['host a', [...hour.map((n) => n / 2), ...hour]],
      ['link wan', [...hour, ...hour.map((n) => n / 2), ...hour]],
    ]);
    expect(usage?.bottleneck).toEqual({ place: 'link wan', lasts: minutes(120), peak: 1, full: true });
    expect(usage?.hours.map(({ place }) => place)).toEqual(['link wan', 'host a', 'link wan']);
    expect(usage?.places[1]?.utilisation.slice(0, 5)).toEqual([0.5, 0.5, 0.5, 0.5, 1]);
  });

  it('is none where every place has room, and nothing where nothing crossed', () => {
    expect(used([['link wan', hour.map((n) => n / 4)]])?.bottleneck).toMatchObject({ peak: 0.25, full: false });
    expect(used([['link wan', []]])).toMatchObject({ bottleneck: null, hours: [] });
  });
});
