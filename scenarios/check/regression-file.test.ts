import { describe, expect, inject, it } from 'vitest';
import { describeScenarioError, loadScenario } from '#scenarios/load';
import type { Failure } from '#simulator/search/failure';
import { swarmShape, swarmSpec } from '#simulator/search/swarm';
import { sampleFault, sampleSpec } from '#test/support/block-specs';
import { regressionName, regressionText } from './regression-file.ts';

const first = inject('seed');
const failure: Failure = { type: 'broken', law: 'L5', slug: 'every-byte-arrives' };
const found = { seed: 41, commit: '0123abc' };

describe(`a world that failed (SEED=${first})`, () => {
  it('is the same after it was written and read', () => {
    for (let seed = first; seed < first + 30; seed += 1) {
      const spec = swarmSpec(seed, { ...swarmShape, budget: seed % 2 === 0 });
      const text = regressionText('l5-x', { spec, failure, why: 'because', found, demands: 'safety' });
      const loaded = loadScenario(text, 'l5-x.yaml');
      if (!loaded.ok) throw new Error(describeScenarioError(loaded.error));
      expect(loaded.value).toMatchObject({ kind: 'check', broke: 'L5', found, demands: 'safety', spec });
    }
  });

  it('is named after what it broke and what struck', () => {
    const spec = sampleSpec({ faults: [sampleFault('receiverPowerLost', 1), sampleFault('linkCut', 2)] });
    expect(regressionName({ spec, failure })).toBe('l5-receiver-power-lost-link-cut');
    expect(regressionName({ spec: sampleSpec(), failure: { type: 'notLive' } })).toBe('not-live-no-fault');
  });
});

describe('a file of a world with mistakes', () => {
  const said = (text: string): readonly string[] => {
    const loaded = loadScenario(text, 'a.yaml');
    return loaded.ok ? [] : describeScenarioError(loaded.error).split('\n');
  };

  it('gets all of them at once, each with its place and the word that was meant', () =>
    expect(
      said(`kind: check
id: a
title: t
why: w
vms: [{ name: vm-1, hypervisor: kmv }, { name: vm-2, writesPerMinut: 3 }]
wave: { opens: 1 h, closes: 2 h }
healAt: 3 h
faults: [{ kind: linkCutt, at: 1 min, lasts: 1 s }, { kind: linkCut, at: 5 }]
`),
    ).toEqual([
      'a.yaml:5:33: vms[0].hypervisor must be kvm, hyperv or ahv, but is "kmv"; did you mean kvm?',
      'a.yaml:5:54: vms[1].writesPerMinut is not known here; did you mean writesPerMinute?',
      'a.yaml:8:18: faults[0].kind must be a kind of fault such as linkCut, but is "linkCutt"; did you mean linkCut?',
      'a.yaml:8:74: faults[1].at must be a duration such as "30 s" or "1 h 30 min" (units: ms, s, min, h, d), but is 5',
    ]));

  it('is told what does not fit together', () =>
    expect(
      said(`kind: check
id: a
title: t
why: w
vms: [{ name: vm-1 }, { name: vm-1 }]
wave: { opens: 2 h, closes: 1 h }
healAt: 3 h
faults:
  - { kind: trackingLost, vm: vm-11, at: 1 min }
  - { kind: trackingLost, at: 1 min, lasts: 3 s }
  - { kind: linkCut, at: 1 min, on: { vm: vm-1, fact: SourceFenced }, vm: vm-1 }
`).map((line) => line.replace(/^a\.yaml:\d+:\d+: /, '')),
    ).toEqual([
      'vms[1].name must not be the name of two VMs, but is "vm-1"',
      'wave.closes must be after "opens", but is "1 h"',
      'faults[0].vm must be the name of a VM; did you mean vm-1?',
      'faults[1] must have "vm": whom trackingLost hits',
      'faults[1].lasts must be left out: trackingLost is over at once, but is "3 s"',
      'faults[2] must have "at", or "on" instead',
      'faults[2] must have "lasts": how long linkCut goes on',
      'faults[2].vm must be left out: linkCut hits all, but is "vm-1"',
    ]));
});
