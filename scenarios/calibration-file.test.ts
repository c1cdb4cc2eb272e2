import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { durationOf } from '#core/compare/phase';
import { traceRun, type RunTrace } from '#core/compare/trace';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { bytes, bytesPerSecond, GiB, MiB, millis } from '#core/units';
import { calibrate } from '#simulator/calibration/calibrate';
import type { Calibration } from '#simulator/calibration/calibration';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { calibrationText, loadCalibration } from './calibration-file.ts';
import { underCalibration } from './calibration-use.ts';
import { loadScenario } from './load.ts';
import type { RehearsalScenario } from './rehearsal-scenario.ts';
import { rehearse } from './run.ts';
import { describeProblems } from './yaml-file.ts';

// One after the other, over a way that is never the bottleneck: what is measured is what each VM takes by itself.
const scenario = `
kind: rehearsal
id: alone
title: One VM at a time
why: What goes in must come out
estate:
  hosts: [{ name: kvm-1, platform: kvm, read: 10 GB/s }, { name: ahv-1, platform: ahv, read: 10 GB/s }]
  links: [{ name: wan, bandwidth: 100 Gbit/s, latency: 1 ms }]
  gateway: { bandwidth: 100 Gbit/s, flow: 100 Gbit/s }
  receiver: { bandwidth: 100 Gbit/s, flow: 100 Gbit/s }
  vms:
    - { name: web, host: kvm-1, guest: debian-12, disks: [{ size: 80 GiB }], writes: { rate: 2 MiB/s, workingSet: 2 GiB } }
    - { name: two, host: kvm-1, guest: rhel-9, disks: [{ size: 60 GiB }, { size: 60 GiB }] }
    - { name: win, host: ahv-1, guest: windows-2022, disks: [{ size: 50 GiB }] }
wave: { id: w, window: { opens: 6 h, closes: 12 h }, limits: { replicating: 1 } }
plan: { approval: given, refreshEvery: 7 min, downtimeMax: 1 min }
`;

function scenarioAlone(): RehearsalScenario {
  const loaded = loadScenario(scenario, 'alone.yaml');
  if (!loaded.ok || loaded.value.kind !== 'rehearsal') throw new Error(JSON.stringify(loaded));
  return loaded.value;
}

async function rehearsed(seed: number, rehearsal: RehearsalScenario = scenarioAlone()): Promise<RunTrace> {
  const log = inMemoryEventLog();
  const clock = virtualClock({ turn: () => eventLoopTurn(), start: rehearsal.starts });
  const summary = await rehearse({ scenario: rehearsal, clock, log, seed });
  if (!summary.ok) throw new Error(JSON.stringify(summary));
  return traceRun(`seed-${seed}`, log.readAll());
}

let calibration: Calibration;
beforeAll(async () => {
  const calibrated = calibrate([await rehearsed(1), await rehearsed(2), await rehearsed(3)]);
  if (!calibrated.ok) throw new Error(calibrated.error.type);
  calibration = calibrated.value;
});

describe('a calibration of rehearsals', () => {
  it('finds the constants that the simulated world was made with', () => {
    const { rounds, platforms, guests, steps, vms } = calibration;
    expect(rounds.rate.median / 76_500_000).toBeCloseTo(1, 1);
    // kvm opens a round in 1 to 2 s, ahv in 2 to 6 s, and each closes it in 1 to 2 s.
    expect(rounds.overhead.from).toBeGreaterThanOrEqual(1_800);
    expect(rounds.overhead.to).toBeLessThanOrEqual(8_000);
    expect(rounds.zero?.share).toEqual({ numerator: 50_000, denominator: 1_000_000 });
    const within = (fit: { readonly from: number; readonly to: number } | undefined, from: number, to: number) => {
      expect(fit?.from).toBeGreaterThanOrEqual(from);
      expect(fit?.to).toBeLessThanOrEqual(to);
    };
    within(platforms.kvm?.fence, 1_000, 4_000);
    within(platforms.ahv?.initiate, 5_000, 15_000);
    within(guests.linux?.quiesce, 4_000, 30_000);
    within(guests.windows?.fixUp, 45_000, 150_000);
    within(steps.connect, 2_000, 6_000);
    within(steps.validate, 5_000, 30_000);
    expect(vms['web']?.used).toBe(40 * GiB);
    expect((vms['web']?.writes?.rate ?? 0) / (2 * MiB)).toBeCloseTo(1, 0);
  });
});

const told = (text: string): readonly string[] => {
  const loaded = loadCalibration(text, 'c.yaml');
  return loaded.ok
    ? []
    : describeProblems(loaded.error)
        .split('\n')
        .map((line) => line.replace(/^c\.yaml:\d+:\d+: /, ''));
};

describe('a scenario that uses a calibration', () => {
  const using = (more: string): RehearsalScenario => {
    const loaded = loadScenario(`${scenario}use: c.yaml\n${more}`, 'alone.yaml');
    if (!loaded.ok || loaded.value.kind !== 'rehearsal') throw new Error(JSON.stringify(loaded));
    return loaded.value;
  };

  it('assumes what was measured, unless it says otherwise itself', () => {
    const text = calibrationText(calibration).replace(/(rate: \{ median: )[\d.]+ MB/, '$1 20 MB');
    const used = underCalibration(using('assumptions: { answers: { look: 1 s } }'), { file: 'c.yaml', text });
    expect(used).toMatchObject({
      ok: true,
      value: {
        assumptions: { streams: { diskMax: 20_000_000 }, answers: { look: [1, 1] }, rounds: { close: [0, 0] } },
      },
    });
  });

  it('takes as long as the calibration says', async () => {
    const text = calibrationText(calibration).replace(/(rate: \{ median: )[\d.]+ MB/, '$1 38.25 MB');
    const used = underCalibration(using(''), { file: 'c.yaml', text });
    const [slow, quick] = [await rehearsed(1, used.ok ? used.value : undefined), await rehearsed(1)];
    const fullSync = ({ migrations }: RunTrace): number =>
      migrations
        .flatMap(({ phases }) => phases)
        .reduce((sum, phase) => sum + (phase.kind === 'fullSync' ? durationOf(phase) : 0), 0);
    expect(fullSync(slow) / fullSync(quick)).toBeCloseTo(2, 1);
  });

  it('is refused with a file that is none', () => {
    const used = underCalibration(using(''), { file: 'c.yaml', text: 'kind: rehearsal' });
    expect(used.ok || describeProblems(used.error)).toContain('c.yaml:1:7: kind must be calibration');
  });
});

describe('a calibration file', () => {
  const durations = fc.nat(10_000_000).map(millis);
  const changed: fc.Arbitrary<Calibration> = fc
    .record({
      from: durations,
      more: durations,
      rate: fc.integer({ min: 1, max: 9_999 }),
      power: fc.nat(6),
      used: fc.nat(),
    })
    .map(({ from, more, rate, power, used }) => ({
      ...calibration,
      rounds: {
        ...calibration.rounds,
        rate: { ...calibration.rounds.rate, median: bytesPerSecond(rate * 10 ** power) },
        overhead: { ...calibration.rounds.overhead, from, to: millis(from + more) },
      },
      vms: { 'a VM: "quoted"': { used: bytes(used) } },
    }));

  it('says what it was made from, and is read as it was written', () =>
    fc.assert(
      fc.property(changed, (written) => {
        expect(loadCalibration(calibrationText(written), 'c.yaml')).toEqual({ ok: true, value: written });
      }),
      { numRuns: 30 },
    ));

  it('has units, counts and how each was found, and no path of anybody', () => {
    const text = calibrationText(calibration);
    expect(text).toMatch(
      /^ {2}rate: \{ median: [\d.]+ MB\/s, from: [\d.]+ MB\/s, to: [\d.]+ MB\/s, samples: \d+, fit: .+ \}$/m,
    );
    expect(text).toContain('runs:\n  - seed-1\n  - seed-2\n  - seed-3\n');
  });

  it('with mistakes gets all of them at once, each with its place and what is allowed there', () => {
    const text = calibrationText(calibration)
      .replace(/median: [\d.]+ MB\/s/, 'median: fast')
      .replace('overhead:', 'overhed:')
      .replace(/(initiate: \{ from:) \S+ m?s/, '$1 99 d');
    expect(told(text)).toEqual([
      expect.stringMatching(/^rounds.overhead is missing/),
      expect.stringMatching(/^rounds.rate.median must be a rate such as .*, but is "fast"$/),
      'rounds.overhed is not known here; did you mean overhead?',
      'platforms.kvm.initiate must have a "from" that is not above its "to"',
    ]);
    expect(told('kind: rehearsal')).toContain('kind must be calibration, but is "rehearsal"');
  });
});
