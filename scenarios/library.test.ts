import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '#core/invariant';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { expectationLines, judgeOnce } from './expectations.ts';
import { findInLibrary, libraryLines, libraryOf } from './library.ts';
import { loadScenario } from './load.ts';
import { estateOf, unknownName } from './rehearsal-plan.ts';
import type { RehearsalScenario } from './rehearsal-scenario.ts';
import { rehearse } from './run.ts';

const files = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => ({ path: `scenarios/${name}`, text: readFileSync(`${import.meta.dirname}/${name}`, 'utf8') }));
const library = libraryOf(files);

function scenarioOf(name: string): RehearsalScenario {
  const { path = '', text = '' } = files.find((file) => file.path === `scenarios/${name}.yaml`) ?? {};
  const loaded = loadScenario(text, path);
  if (!loaded.ok || loaded.value.kind !== 'rehearsal') throw new InvariantError(JSON.stringify(loaded));
  return loaded.value;
}

const sized = library.map(({ name }) => {
  const scenario = scenarioOf(name);
  return { name, scenario, estate: estateOf(scenario, seededRng(scenario.seed).fork('estate')) };
});
// More than that takes longer than somebody wants to wait for a test.
const vmsMax = 1_000;
const small = sized.filter(({ estate }) => estate.vms.length <= vmsMax);

describe('the library', () => {
  it('holds what users ask about first', () =>
    expect(library.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'antivirus-slows-switchover',
        'bank-weekend',
        'database-never-converges',
        'datastore-fills-up',
        'fix-up-fails',
        'flaky-wan',
        'heartbeats-lost',
        'host-maintenance',
        'single-site',
        'ten-thousand-small-vms',
        'vcenter-restarts',
        'window-too-short',
      ]),
    ));

  it.each(sized)('$name expects something, of VMs that are there, and says what one learns', ({ scenario, estate }) => {
    const counted = scenario.expect.length + Object.values(scenario.members).filter(({ ends }) => ends).length;
    expect(counted).toBeGreaterThan(0);
    expect(unknownName(scenario, estate)).toBeUndefined();
    expect(scenario.why.length).toBeGreaterThan(80);
  });

  // The largest takes seconds by itself, and minutes beside others.
  it.each(small)('$name ends as it expects, with the seed in its file', { timeout: 120_000 }, async ({ scenario }) => {
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const summary = await rehearse({ scenario, clock: virtualClock({ turn, start: scenario.starts }) });
    if (!summary.ok) throw new InvariantError(JSON.stringify(summary.error));
    expect(summary.value.ending).toEqual({ type: 'finished' });
    expect(summary.value.breaches).toEqual([]);
    expect(expectationLines(judgeOnce(scenario, summary.value)).filter((line) => line.includes('NOT MET'))).toEqual([]);
  });
});

describe('a name', () => {
  it('stands for a file of the library, with its ending or without', () => {
    expect(findInLibrary('flaky-wan', library)).toMatchObject({ value: { path: 'scenarios/flaky-wan.yaml' } });
    expect(findInLibrary('flaky-wan.yaml', library)).toMatchObject({ value: { name: 'flaky-wan' } });
  });

  it('that is not there is answered with the nearest, and with what there is', () => {
    const { error } = findInLibrary('bank-wekend', library) as { readonly error: string };
    expect(error).toMatch(/^there is no scenario file bank-wekend; did you mean bank-weekend\?\n/);
    for (const { name, title } of library) expect(error).toMatch(new RegExp(`^  ${name} +${title}$`, 'm'));
  });

  it('is nothing that is somewhere else', () =>
    expect(findInLibrary('elsewhere/flaky-wan.yaml', library)).toMatchObject({
      error: expect.stringMatching(/did you mean flaky-wan\?/) as string,
    }));

  it('of a plan for a migration is none of a rehearsal', () => {
    expect(library.map(({ name }) => name)).not.toContain('laboratory');
    expect(libraryOf([{ path: 'broken.yaml', text: 'kind: rehearsal' }])).toEqual([]);
    expect(libraryLines(library)).toHaveLength(library.length + 2);
  });
});
