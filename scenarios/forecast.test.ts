import { describe, expect, it } from 'vitest';
import { migrationId, waveId } from '#core/ids';
import { bytes, instant, millis } from '#core/units';
import { forecaster } from './forecast.ts';
import type { MemberSummary, RehearsalSummary } from './rehearsal-summary.ts';

const member = (name: string, lifecycle: string, downtime: number, expected: string | null = null): MemberSummary => ({
  migration: migrationId(name),
  lifecycle,
  replication: 'parked',
  expected,
  downtime: millis(downtime),
  sent: bytes(0),
  rounds: 1,
});
const summary = (seed: number, duration: number, members: readonly MemberSummary[]): RehearsalSummary => ({
  seed,
  ending: { type: 'finished' },
  wave: { id: waveId('w'), state: 'completed', started: instant(0), duration: millis(duration) },
  members,
  facts: 1,
});

describe('a forecast', () => {
  it('names the VM at risk first, and the seeds to look at', () => {
    const found = forecaster();
    found.add(summary(1, 1_000, [member('db', 'finalized', 50, 'finalized'), member('web', 'cutOver', 10)]));
    found.add(summary(2, 9_000, [member('db', 'rolledBack', 0, 'finalized'), member('web', 'cutOver', 20)]));
    found.add(summary(3, 2_000, [member('db', 'finalized', 900, 'finalized'), member('web', 'rolledBack', 30)]));
    const forecast = found.forecast();
    expect(forecast).toMatchObject({ seeds: 3, asExpected: 2, worst: { duration: 2, downtime: 3 } });
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
    found.add(summary(1, 1_000, [member('old', 'rolledBack', 0, 'rolledBack')]));
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

  it('knows nothing of no seeds', () => {
    expect(forecaster().forecast()).toEqual({
      seeds: 0,
      asExpected: 0,
      duration: null,
      downtime: null,
      members: [],
      worst: null,
    });
  });
});
