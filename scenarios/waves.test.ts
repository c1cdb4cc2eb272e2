import { describe, expect, it } from 'vitest';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { InvariantError } from '#core/invariant';
import { minutes } from '#core/units';
import type { WavePlan } from '#core/wave/plan';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { describeScenarioError, loadScenario } from './load.ts';
import { fitsPattern } from './name-pattern.ts';
import type { RehearsalScenario } from './rehearsal-scenario.ts';
import { estateOf } from './rehearsal-plan.ts';
import { rehearse } from './run.ts';
import { membersOf } from './wave-plans.ts';

const head = `
kind: rehearsal
id: waves
title: Several waves
why: What one leaves another may take.
estate:
  hosts: [{ name: kvm-1, platform: kvm }, { name: ahv-1, platform: ahv }]
  vms:
    - { name: db-1, host: kvm-1, disks: [{ size: 8 GiB }] }
    - { name: web-1, host: kvm-1, disks: [{ size: 8 GiB }] }
    - { name: web-2, host: ahv-1, disks: [{ size: 8 GiB }] }
    - { name: mail-1, host: ahv-1, disks: [{ size: 8 GiB }] }
plan: { approval: given }
`;

function scenarioOf(more: string): RehearsalScenario {
  const loaded = loadScenario(head + more, 'waves.yaml');
  if (!loaded.ok) throw new InvariantError(describeScenarioError(loaded.error));
  if (loaded.value.kind !== 'rehearsal') throw new InvariantError('not a rehearsal');
  return loaded.value;
}

const said = (more: string): string => {
  const loaded = loadScenario(head + more, 'waves.yaml');
  return loaded.ok ? '' : describeScenarioError(loaded.error);
};

const never = (): boolean => false;
const standing = { isOver: never, hasMoved: never, isTaken: never, cutovers: () => 0 };

async function ran(more: string) {
  const scenario = scenarioOf(more);
  const clock = virtualClock({ turn: () => new Promise((resolve) => setImmediate(resolve)), start: scenario.starts });
  const log = inMemoryEventLog();
  const summary = await rehearse({ scenario, clock, log });
  if (!summary.ok) throw new InvariantError(JSON.stringify(summary.error));
  const plans = new Map<string, WavePlan>();
  const facts = [];
  for await (const fact of log.readAll()) {
    facts.push(fact);
    if (fact.type === 'WaveDrafted') plans.set(fact.stream, (fact.data as { plan: WavePlan }).plan);
  }
  const names = (wave: string) => plans.get(`wave-${wave}`)?.members.map(({ migration }) => migration);
  return { summary: summary.value, plans, names, facts };
}

describe('several waves', () => {
  it('choose their VMs one after the other, and move them', async () => {
    const { summary, names } = await ran(`
waves:
  - { id: data, window: { opens: 1 h, closes: 3 h }, select: { vms: ['db-*'] } }
  - { id: ahv, window: { opens: 1 h, closes: 3 h }, select: { platforms: [ahv], vms: ['web-*'] } }
  - { id: others, window: { opens: 4 h, closes: 6 h }, select: rest }
`);
    expect([names('data'), names('ahv'), names('others')]).toEqual([['db-1'], ['web-2'], ['web-1', 'mail-1']]);
    expect(summary.members.map(({ lifecycle }) => lifecycle)).toEqual(Array(4).fill('cutOver'));
    expect(summary.waves?.map(({ state, members }) => [state, members])).toEqual([
      ['completed', 1],
      ['completed', 1],
      ['completed', 2],
    ]);
    expect(summary.wave).toMatchObject({ id: 'others', state: 'completed' });
  });

  it('know the applications that the estate names', async () => {
    const scenario = scenarioOf('waves: [{ id: w, window: { opens: 1 h, closes: 2 h } }]');
    const named = head.replace('name: web-2,', 'name: web-2, application: shop,');
    const loaded = loadScenario(
      `${named}
applications: { data: { vms: ['db-*'], after: [shop] } }
waves: [{ id: w, window: { opens: 1 h, closes: 2 h }, select: { applications: [shop] } }]`,
      'waves.yaml',
    );
    expect(loaded).toMatchObject({ ok: true });
    if (!loaded.ok || loaded.value.kind !== 'rehearsal') return;
    const estate = estateOf(loaded.value, seededRng(1));
    expect(membersOf(loaded.value, estate, loaded.value.wave, standing).map(({ name }) => name)).toEqual(['web-2']);
    expect(membersOf(scenario, estate, scenario.wave, standing)).toHaveLength(4);
  });

  it('take up again what one before them has rolled back', async () => {
    const { summary, plans } = await ran(`
waves:
  - { id: first, window: { opens: 1 h, closes: 3 h } }
  - { id: second, window: { opens: 4 h, closes: 6 h } }
faults: [{ type: launchFailed, vms: [web-1] }]
`);
    expect(plans.get('wave-second')?.members).toEqual([{ migration: 'web-1', after: [], cutoversBefore: 1 }]);
    expect(summary.members.map(({ lifecycle }) => lifecycle)).toEqual(Array(4).fill('cutOver'));
  });

  it('are over when nobody is left for them', async () => {
    const { summary, names } = await ran(`
waves:
  - { id: first, window: { opens: 1 h, closes: 3 h } }
  - { id: second, window: { opens: 4 h, closes: 6 h } }
operators: { finalize: { after: 5 min } }
`);
    expect(names('second')).toBeUndefined();
    expect(summary.ending).toEqual({ type: 'finished' });
    expect(summary.waves?.map(({ state }) => state)).toEqual(['completed', 'undrafted']);
    expect(summary.members.map(({ lifecycle }) => lifecycle)).toEqual(Array(4).fill('finalized'));
  });

  it('leave a VM whose forerunner is in a later one', async () => {
    const { names, summary } = await ran(`
waves:
  - { id: first, window: { opens: 1 h, closes: 3 h }, select: { vms: ['web-*'] } }
  - { id: second, window: { opens: 4 h, closes: 6 h } }
members: { web-1: { after: [db-1] } }
`);
    expect([names('first'), names('second')]).toEqual([['web-2'], ['db-1', 'web-1', 'mail-1']]);
    expect(summary.members.map(({ lifecycle }) => lifecycle)).toEqual(Array(4).fill('cutOver'));
  });

  it('say what of a plan is asked for: applications, apart, tokens, tries, priorities', async () => {
    const { plans, facts, summary } = await ran(`
waves:
  - id: all
    window: { opens: 1 h, closes: 4 h }
    limits: { replicating: 4, cuttingOver: 2, tokens: { 'host *': 1, gateway: 3 } }
    retry: { times: 2, after: 5 min, reserve: 30 min }
    expected: 20 min
    approval: requiredByAnother
    requester: mia
applications:
  shop: { vms: ['web-*'], together: true, after: [data] }
  data: { vms: [db-1] }
members: { mail-1: { priority: 3 } }
operators: { approve: { by: jonas, after: 10 min } }
faults: [{ type: launchFailed, vms: [mail-1], times: 1 }]
`);
    const plan = plans.get('wave-all');
    expect(plan).toMatchObject({
      together: ['shop'],
      retry: { times: 2, after: 300_000, reserve: 1_800_000 },
      approval: 'requiredByAnother',
      limits: { tokens: { 'host kvm-1': 1, 'host ahv-1': 1, gateway: 3 } },
    });
    expect(plan?.members[1]).toEqual({
      migration: 'web-1',
      after: ['db-1'],
      application: 'shop',
      expected: minutes(20),
      resources: {
        replicating: { 'host kvm-1': 1, gateway: 1 },
        cuttingOver: { 'host kvm-1': 1, gateway: 1 },
      },
    });
    expect(plan?.members[3]).toMatchObject({ priority: 3 });
    const types = facts.filter(({ stream }) => stream === 'wave-all').map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['MemberRolledBack', 'RetryCameDue']));
    expect(summary.members.map(({ lifecycle }) => lifecycle)).toEqual(Array(4).fill('cutOver'));
    const started = (vm: string): number =>
      facts.find(({ stream, type }) => stream === `migration-${vm}` && type === 'CutoverStarted')?.metadata.time ?? 0;
    expect(started('web-1')).toBe(started('web-2'));
    const [back, due] = facts.filter(({ type }) => type === 'MemberRolledBack' || type === 'RetryCameDue');
    expect(Number(due?.metadata.time) - Number(back?.metadata.time)).toBe(minutes(5));
  });

  it('leave the second of a pair that is to be apart to the next one, and say so', async () => {
    const { summary, facts } = await ran(`
waves:
  - { id: first, window: { opens: 1 h, closes: 3 h } }
  - { id: second, window: { opens: 4 h, closes: 6 h } }
apart: { cluster: ['web-*'] }
`);
    const completed = facts.find(({ stream, type }) => stream === 'wave-first' && type === 'WaveCompleted');
    expect(completed?.data).toMatchObject({
      members: expect.arrayContaining([{ migration: 'web-2', lifecycle: 'protected', why: 'apart' }]),
    });
    expect(summary.members.map(({ lifecycle }) => lifecycle)).toEqual(Array(4).fill('cutOver'));
  });

  it('are refused before anything begins where one can never be carried out', async () => {
    const scenario = scenarioOf(`
waves: [{ id: w, window: { opens: 1 h, closes: 2 h }, limits: { cuttingOver: 1 } }]
applications: { shop: { vms: ['web-*'], together: true } }
`);
    const clock = virtualClock({ turn: () => Promise.resolve(), start: scenario.starts });
    expect(await rehearse({ scenario, clock, log: inMemoryEventLog() })).toMatchObject({
      error: {
        type: 'DraftRefused',
        refusal: { problems: [expect.stringContaining('the 2 members of shop cut over together')] },
      },
    });
  });
});

describe('a window', () => {
  it('may be what a clock shows, in a zone', () => {
    const { wave } = scenarioOf(`
starts: 2026-03-07T18:00:00Z
wave: { id: w, window: { opens: 2026-03-07 22:00, closes: 2026-03-08 06:00, zone: +01:00 } }
`);
    expect(wave.window).toEqual({ opens: minutes(180), closes: minutes(660) });
    const { wave: west } = scenarioOf(`
starts: 2026-03-07T18:00:00Z
wave: { id: w, window: { opens: 2026-03-07 22:00, closes: 2026-03-08 06:00, zone: -03:30 } }
`);
    expect(west.window.opens).toBe(minutes(450));
  });

  it('may be what a clock shows at a place, whose rules change within it', () => {
    // Clocks of Zurich are put forward on 2026-03-29 at 02:00: the night from 22:00 to 06:00 has seven hours.
    const { wave } = scenarioOf(`
starts: 2026-03-28T18:00:00Z
wave: { id: w, window: { opens: 2026-03-28 22:00, closes: 2026-03-29 06:00, zone: Europe/Zurich } }
`);
    expect(wave.window).toEqual({ opens: minutes(180), closes: minutes(600) });
  });
});

describe('mistakes in waves', () => {
  const one = (more: string): string => `waves: [{ id: w, window: { opens: 1 h, closes: 2 h }, ${more} }]`;
  const at = (window: string): string => `wave: { id: w, window: ${window} }`;
  it.each([
    ['', 'wave is missing: it must be there, or "waves" must list some'],
    [`${at('{ opens: 1 h, closes: 2 h }')}\n${one('select: rest')}`, 'waves must be left out where there is "wave"'],
    [one("select: { vms: ['wbe-1'] }"), 'waves[0].select.vms[0] fits no VM; did you mean web-1?'],
    [one("select: { applications: ['x*'] }"), 'waves[0].select.applications[0] fits no application'],
    [one('select: all'), 'waves[0].select must be "rest", or have vms'],
    [one('select: { vm: [web-1] }'), 'waves[0].select.vm is not known here; did you mean vms?'],
    [one('after: [q]'), 'waves[0].after[0] must be the name of a wave'],
    [one('after: [w]'), 'waves[0].after[0] must be the name of a wave listed before'],
    [
      one("limits: { tokens: { 'hots kvm-1': 1 } }"),
      'fits no host, link, gateway or receiver; did you mean host kvm-1?',
    ],
    [one('retry: { times: 0 }'), 'waves[0].retry.times must be a whole number from 1 to 100'],
    [`${one('select: rest')}\napplications: { a: { vms: [db-1], after: [b] } }`, 'must be the name of an application'],
    [`${one('select: rest')}\napart: { a: [db-9] }`, 'apart.a[0] fits no VM'],
    [at('{ opens: 1 h, closes: 2026-03-08 06:00 }'), 'wave.window.closes must be a duration, as "opens" is'],
    [at('{ opens: 2026-03-07 22:00, closes: 2026-03-08 06:00 }'), 'say with "zone" where it hangs'],
    [at('{ opens: 1 h, closes: 2 h, zone: UTC }'), 'wave.window.zone must be left out'],
    [
      at('{ opens: 2026-03-01 22:00, closes: 2026-03-08 06:00, zone: UTC }'),
      'must not be before the scenario "starts"',
    ],
    [at('{ opens: 2026-02-30 22:00, closes: 2026-03-08 06:00, zone: UTC }'), 'wave.window.opens is out of range'],
    [
      at('{ opens: 2026-03-07 22:00, closes: 2026-03-08 06:00, zone: Zurich }'),
      'wave.window.zone must be how far local time is ahead of UTC, or the name of a time zone such as "+01:00" or "Europe/Zurich"',
    ],
    [
      at('{ opens: 2026-03-07 22:00, closes: 2026-03-08 06:00, zone: Europe/Zurch }'),
      'wave.window.zone names no time zone that is known here; did you mean Europe/Zurich?',
    ],
    [
      at('{ opens: 2026-03-29 02:30, closes: 2026-03-29 06:00, zone: Europe/Zurich }'),
      'wave.window.opens is never shown there: clocks are put forward over it',
    ],
    [
      at('{ opens: 2026-10-24 22:00, closes: 2026-10-25 02:30, zone: Europe/Zurich }'),
      'wave.window.closes is shown twice there, as clocks are put back',
    ],
  ])('%j', (more, message) => expect(said(more)).toContain(message));
});

it.each([
  ['web-*', 'web-1', true],
  ['web-*', 'aweb-1', false],
  ['*-1', 'web-1', true],
  ['a*a', 'a', false],
  ['a*a', 'aa', true],
  ['*b*c', 'abxc', true],
  ['*b*b', 'ab', false],
  ['web', 'web', true],
  ['web', 'web-1', false],
  ['*', '', true],
])('the pattern %s and the name %s: %s', (pattern, name, fits) => expect(fitsPattern(pattern, name)).toBe(fits));
