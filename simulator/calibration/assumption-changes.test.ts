import { describe, expect, it } from 'vitest';
import { bytes, bytesPerSecond, millis, ratio } from '#core/units';
import { assumptionsWith, defaultAssumptions } from '#simulator/flow/assumptions';
import { assumedFrom, changesOver } from './assumption-changes.ts';
import type { Calibration, SpanFit } from './calibration.ts';

const span = (from: number, to: number, median = (from + to) / 2): SpanFit => ({
  ...{ from: millis(from), median: millis(median), to: millis(to), samples: 3, fit: 'measured' },
});
const rate = bytesPerSecond(20_000_000);
const calibration: Calibration = {
  runs: ['one'],
  migrations: 3,
  rounds: {
    rate: { median: rate, from: rate, to: rate, samples: 9, fit: 'measured' },
    overhead: span(69, 251),
    zero: { share: ratio(1, 4), samples: 3, fit: 'measured' },
  },
  platforms: { kvm: { initiate: span(300, 700) } },
  guests: { linux: { quiesce: span(2_000, 9_000), launch: span(20_000, 31_000) } },
  steps: { validate: span(400, 500) },
  vms: { web: { used: bytes(10) } },
};

describe('a calibration as assumptions', () => {
  it('sets what was measured, in seconds, and nothing else', () => {
    const { kvm, ...otherPlatforms } = defaultAssumptions.platforms;
    const { guests } = defaultAssumptions;
    const calibrated = assumptionsWith(assumedFrom(calibration));
    expect(calibrated).toEqual({
      ...defaultAssumptions,
      platforms: {
        ...otherPlatforms,
        kvm: { ...kvm, begin: [0.3, 0.7], openRound: [0.069, 0.251], mergePerGiB: [0, 0] },
      },
      guests: {
        ...guests,
        ...Object.fromEntries(
          (['debian-12', 'ubuntu-22.04', 'rhel-9', 'sles-15'] as const).map((name) => [
            name,
            { ...calibrated.guests[name], stop: [2, 9], fixUp: guests[name].fixUp, boot: [20, 31] },
          ]),
        ),
      },
      target: { ...defaultAssumptions.target, powerOn: [0, 0] },
      answers: { ...defaultAssumptions.answers, validate: [0.4, 0.5] },
      rounds: { ...defaultAssumptions.rounds, close: [0, 0], zero: ratio(1, 4) },
      streams: { ...defaultAssumptions.streams, diskMax: rate },
    });
  });

  it('draws around the median where a tail is long', () => {
    const steps = { validate: span(400, 9_000, 500), connect: span(100, 900, 850) };
    const { answers, target } = assumptionsWith(assumedFrom({ ...calibration, steps }));
    expect([answers.validate, target.connect]).toEqual([
      [0.4, 0.6],
      [0.8, 0.9],
    ]);
  });

  it('gives way to what a scenario says itself, constant by constant', () => {
    const both = changesOver(assumedFrom(calibration), {
      platforms: { kvm: { openRound: [1, 2] } },
      rounds: { zero: ratio(0, 1) },
      target: { connect: [5, 6] },
    });
    expect(both).toMatchObject({
      platforms: { kvm: { begin: [0.3, 0.7], openRound: [1, 2] } },
      rounds: { close: [0, 0], zero: ratio(0, 1) },
      target: { powerOn: [0, 0], connect: [5, 6] },
    });
    expect(changesOver({}, {})).toEqual({});
  });
});
