import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { loadScenario } from '#scenarios/load';
import { shapeOfScenario } from './shape-of-scenario.ts';

const shapeOf = (name: string, vms?: number) => {
  const loaded = loadScenario(readFileSync(`scenarios/${name}.yaml`, 'utf8'), `${name}.yaml`);
  if (!loaded.ok || loaded.value.kind !== 'rehearsal') throw new Error(`${name} is no rehearsal`);
  return shapeOfScenario(loaded.value, { vms, budget: true });
};

it('a weekend of five hundred VMs becomes worlds of six, with its limits, its platforms and its faults', () => {
  expect(shapeOf('bank-weekend')).toMatchObject({
    ...{ vms: 6, cutoversMax: 3, syncsMax: 6, downtimeBudget: 240_000, finalize: true },
    platforms: ['kvm', 'hyperv', 'ahv'],
    favoured: [
      'callRefused',
      'quiesceRefused',
      'bootFailed',
      'answerLost',
      'callLost',
      'answerLate',
      'linkCut',
      'linkSilent',
    ],
  });
  expect(shapeOf('bank-weekend', 20)).toMatchObject({ vms: 20, cutoversMax: 10, syncsMax: 20 });
});

it('the applications and platforms of VMs that are listed are theirs', () => {
  const { platforms, applications } = shapeOf('first-wave');
  expect(new Set(platforms)).toEqual(new Set(['kvm', 'hyperv', 'ahv']));
  expect(applications).not.toContain('app-1');
});
