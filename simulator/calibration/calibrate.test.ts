import { describe, expect, it } from 'vitest';
import { traceRun, type RunTrace } from '#core/compare/trace';
import type { MigrationFact } from '#core/migration/facts';
import { bytes, MiB, millis, round } from '#core/units';
import { samplePlan, sampleReport } from '#test/support/migration-facts';
import { factsOf } from '#test/support/walked-run';
import { calibrate, describeCalibrationRefusal } from './calibrate.ts';

type Steps = readonly (readonly [afterMs: number, fact: MigrationFact])[];
const begun: Steps = [
  [0, { type: 'MigrationDrafted', data: { plan: samplePlan() } }],
  [5, { type: 'VerificationRequested', data: {} }],
  [40, { type: 'VerificationPassed', data: { checks: [] } }],
  [1, { type: 'ProtectionStarted', data: {} }],
  [90, { type: 'ReplicationInitiated', data: { disks: [] } }],
];
const refresh: MigrationFact = { type: 'DeadlinePassed', data: { timer: 'refresh' } };
const completed = (n: number, mebibytes: number, resumed = 0): MigrationFact => ({
  type: 'RoundCompleted',
  data: sampleReport({
    ...{ round: round(n), kind: n === 0 ? 'full' : 'delta', duration: millis(1) },
    ...{ planned: bytes(mebibytes * MiB), sent: bytes(mebibytes * MiB), resumed: bytes(resumed * MiB) },
  }),
});
/** Rounds of so many mebibytes, a second apart, at 100 ms a mebibyte and `overhead` beside. */
const rounds = (sizes: readonly number[], overhead: number): Steps =>
  sizes.flatMap((size, n): Steps => [
    ...(n === 0 ? [] : ([[1_000, refresh]] as const)),
    [size * 100 + overhead, completed(n, size)],
  ]);
const run = (name: string, steps: Steps): Promise<RunTrace> => traceRun(name, factsOf('web', steps));

describe('calibrate', () => {
  it('tells what a round takes for its bytes from what it takes beside them', async () => {
    const runs = [
      await run('one', [...begun, ...rounds([500, 8, 12], 300)]),
      await run('two', [...begun, ...rounds([400, 9, 30], 300)]),
    ];
    const calibrated = calibrate(runs);
    expect(calibrated).toMatchObject({
      ok: true,
      value: {
        runs: ['one', 'two'],
        migrations: 2,
        rounds: {
          rate: { median: 10_490_000, samples: 6 },
          overhead: { from: 300, median: 300, to: 300, samples: 6 },
          zero: { share: { numerator: 0 }, samples: 2 },
        },
        platforms: { kvm: { initiate: { from: 90, median: 90, to: 90, samples: 2 } } },
        steps: { verify: { median: 40, samples: 2 } },
      },
    });
    const turned = calibrate(runs.toReversed());
    expect(turned.ok && calibrated.ok && { ...turned.value, runs: [] }).toEqual({
      ...(calibrated.ok && calibrated.value),
      runs: [],
    });
  });

  it('counts all as rate where rounds are too much alike, and says so', async () => {
    const calibrated = calibrate([await run('one', [...begun, ...rounds([10, 10, 10], 300)])]);
    expect(calibrated).toMatchObject({
      value: {
        rounds: {
          rate: { median: 8_066_000, fit: expect.stringContaining('too much alike') as string },
          overhead: { from: 0, to: 0, fit: expect.stringContaining('cannot be told apart') as string },
        },
      },
    });
  });

  it('leaves out rounds that were taken up again, and steps that did not go their usual way', async () => {
    const reason = { type: 'Unreachable', detail: 'link wan is down' };
    const steps: Steps = [
      ...begun,
      [300, { type: 'ReplicationDisconnected', data: { endpoint: 'receiver', reason } }],
      [9_000, { type: 'DeadlinePassed', data: { timer: 'retry' } }],
      [70_000, completed(0, 500, 100)],
      [1_000, refresh],
      [1_200, completed(1, 9)],
      [1_000, refresh],
      [2_300, completed(2, 20)],
      [0, { type: 'CutoverApproved', data: { by: 'grace' } }],
      [0, { type: 'CutoverStarted', data: {} }],
      [1_300, completed(3, 10)],
      [0, { type: 'EffectRequested', data: { key: 'k', effect: 'quiesceSource' } }],
      [5_000, { type: 'OutcomeUnknown', data: { key: 'k', effect: 'quiesceSource', why: 'no answer' } }],
      [9_000, { type: 'SourceQuiesced', data: { method: 'shutdown', found: 'running' } }],
    ];
    const calibrated = calibrate([await run('one', steps)]);
    expect(calibrated).toMatchObject({
      value: {
        rounds: { rate: { median: 10_490_000, samples: 3 }, overhead: { median: 300, samples: 3 } },
        guests: {},
      },
    });
    // The first delta carries what was written since the full sync was begun, which was begun twice.
    expect(calibrated.ok && calibrated.value.vms['web-01']?.writes?.samples).toBe(2);
  });

  it('finds the rate at which a guest writes, and its working set once it shows', async () => {
    const [rate, set] = [2 * MiB, 300 * MiB];
    const dirtyAfter = (ms: number) => set * (1 - Math.exp((-rate * ms) / 1_000 / set));
    let begins = 0;
    let at = 0;
    const steps = [5, 20, 60, 150, 300, 600].flatMap((parkedSeconds, i): Steps => {
      const opens = at + parkedSeconds * 1_000;
      const dirty = bytes(Math.round(dirtyAfter(opens - begins)));
      [begins, at] = [opens, opens + 400];
      const data = sampleReport({ round: round(i + 1), planned: dirty, sent: dirty });
      return [
        [parkedSeconds * 1_000, refresh],
        [400, { type: 'RoundCompleted', data }],
      ];
    });
    const calibrated = calibrate([await run('one', [...begun, [0, completed(0, 500)], ...steps])]);
    const writes = calibrated.ok ? calibrated.value.vms['web-01']?.writes : undefined;
    expect(writes).toMatchObject({ samples: 6, workingSet: { type: 'fitted' } });
    expect((writes?.rate ?? 0) / rate).toBeCloseTo(1, 1);
    expect((writes?.workingSet.size ?? 0) / set).toBeCloseTo(1, 1);
    const linear = calibrate([await run('one', [...begun, [0, completed(0, 500)], ...steps.slice(0, 4)])]);
    expect(linear.ok && linear.value.vms['web-01']?.writes?.workingSet.type).toBe('seen');
  });

  it('refuses logs that say too little, and says what is missing', async () => {
    const refused = calibrate([await run('short', [...begun, ...rounds([500], 1)].slice(0, 5))]);
    expect(refused).toEqual({ ok: false, error: { type: 'NoRounds', runs: ['short'] } });
    expect(refused.ok || describeCalibrationRefusal(refused.error)).toContain(
      'no round was completed without interruption in short',
    );
    expect(calibrate([])).toEqual({ ok: false, error: { type: 'NoRuns' } });
  });
});
