import { describe, expect, it } from 'vitest';
import type { Effect } from '#core/migration/effects';
import { bytes, instant, millis, ratio, round } from '#core/units';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { answerLost } from './answer-lost.ts';
import { checkFailed } from './check-failed.ts';
import { everyoneOnce, type Aim, type Fault } from './fault.ts';
import { launchFailed } from './launch-failed.ts';
import { linkDown } from './link-down.ts';
import { quiesceRefused } from './quiesce-refused.ts';
import { trackingLost } from './tracking-lost.ts';
import { validationFailed } from './validation-failed.ts';

const rng = () => seededRng(4);
const simple = (
  type: 'verifySource' | 'launchTest' | 'launchTarget' | 'validateTarget' | 'fenceSource' | 'connectTarget',
): Effect => ({ type, params: {} });
const asked: Effect = { type: 'quiesceSource', params: { force: false } };
const forced: Effect = { type: 'quiesceSource', params: { force: true } };
const delta: Effect = { type: 'runDeltaSync', params: { round: round(1), dirty: bytes(0) } };
const final: Effect = { type: 'runFinalSync', params: { round: round(1), dirty: bytes(0) } };
const full: Effect = { type: 'runFullSync', params: { round: round(0) } };
const all = [
  ...(['verifySource', 'launchTest', 'launchTarget', 'validateTarget', 'fenceSource', 'connectTarget'] as const).map(
    simple,
  ),
  asked,
  forced,
  delta,
  final,
  full,
];
const check = { id: 'target-space', message: 'full', remedy: 'make room' };
const reason = 'because';

/** The effects a fault strikes, each tried on a VM of its own. */
const struck = (fault: Fault): readonly string[] =>
  all
    .filter((effect, i) => fault.strike({ vm: `vm-${i}`, effect }))
    .map((effect) => (effect === forced ? 'forced' : effect.type));

describe('faults strike what they are named after', () => {
  it.each<[string, (aim: Aim) => Fault, readonly string[]]>([
    ['checkFailed', (aim) => checkFailed(rng(), aim, check), ['verifySource']],
    ['validationFailed', (aim) => validationFailed(rng(), aim, { reason }), ['validateTarget']],
    ['quiesceRefused', (aim) => quiesceRefused(rng(), aim, { manner: 'refused', reason }), ['quiesceSource']],
    ['launchFailed', (aim) => launchFailed(rng(), aim, { step: 'target', reason }), ['launchTarget']],
    ['launchFailed test', (aim) => launchFailed(rng(), aim, { step: 'test', reason }), ['launchTest']],
    ['trackingLost', (aim) => trackingLost(rng(), aim), ['runDeltaSync', 'runFinalSync']],
    [
      'answerLost',
      (aim) => answerLost(rng(), aim, { effects: ['fenceSource'], done: ratio(1, 2), found: 'exactly' }),
      ['fenceSource'],
    ],
    ['linkDown', () => linkDown({ when: { type: 'at', at: instant(1) }, lasts: millis(1) }, { link: 'wan' }), []],
  ])('%s', (_name, make, effects) => {
    expect(struck(make(everyoneOnce))).toEqual(effects);
    expect(struck(make({ ...everyoneOnce, vms: ['somebody-else'] }))).toEqual([]);
    expect(struck(make({ ...everyoneOnce, chance: ratio(0, 1) }))).toEqual([]);
  });
});

describe('a fault', () => {
  const times = (fault: Fault, vm: string, tries = 20): number =>
    Array.from({ length: tries }, () => fault.strike({ vm, effect: asked })).filter(Boolean).length;
  const refused = (aim: Aim): Fault => quiesceRefused(rng(), aim, { manner: 'refused', reason });

  it('strikes each VM as often as it may', () => {
    const fault = refused({ vms: ['a', 'b'], times: 3, chance: ratio(1, 1) });
    expect([times(fault, 'a'), times(fault, 'b'), times(fault, 'c')]).toEqual([3, 3, 0]);
  });

  it('strikes as likely as it should', () => {
    const fault = refused({ vms: 'all', times: 1, chance: ratio(1, 4) });
    const hit = Array.from({ length: 2_000 }, (_, i) => times(fault, `vm-${i}`, 1)).reduce((sum, n) => sum + n, 0);
    expect(Math.abs(hit - 500)).toBeLessThan(80);
  });

  it('does not care how often another VM is tried', () => {
    const aim: Aim = { vms: 'all', times: 100, chance: ratio(1, 2) };
    const pattern = (fault: Fault): string =>
      Array.from({ length: 30 }, () => (fault.strike({ vm: 'a', effect: asked }) ? 'x' : '.')).join('');
    const busy = refused(aim);
    times(busy, 'b', 17);
    expect(pattern(busy)).toBe(pattern(refused(aim)));
  });
});
