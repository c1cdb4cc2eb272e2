import { beforeAll, describe, expect, it } from 'vitest';
import type { RecordedFact, StreamId } from '#core/event-log/event-log';
import { position, revision } from '#core/event-log/event-log';
import { after, elapsed, instant, millis, minutes, type Instant } from '#core/units';
import { estateOfRun } from '#scenarios/ahead/estate-of-run';
import { forecastRun, machineStandings } from '#scenarios/ahead/forecast-run';
import { leftOf } from '#scenarios/ahead/left';
import { recordedRun } from '#scenarios/ahead/recorded-run';
import { runAhead, type AheadOutcome } from '#scenarios/ahead/run-ahead';
import { estateOf } from '#scenarios/rehearsal-plan';
import type { RehearsalScenario } from '#scenarios/rehearsal-scenario';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { lawsBroken } from './laws.ts';
import { firstWave, rehearsalFrom, rehearsed, smallWave, turn, type Rehearsed } from './rehearsed.ts';

const horizon = minutes(30 * 24 * 60);

/** A wave in which nothing breaks, busy with replication until shortly before its end. */
const quietWave = (): RehearsalScenario =>
  rehearsalFrom(`
kind: rehearsal
id: quiet
title: Six machines
why: Its end follows from how fast bytes cross.
estate:
  hosts: [{ name: kvm-1, platform: kvm }, { name: kvm-2, platform: kvm }]
  links: [{ name: wan, bandwidth: 1 Gbit/s, latency: 5 ms, loss: 0 % }]
  vms:
    - { name: a, host: kvm-1, disks: [{ size: 60 GiB }] }
    - { name: b, host: kvm-1, disks: [{ size: 30 GiB }], writes: { rate: 4 MiB/s, workingSet: 3 GiB } }
    - { name: c, host: kvm-2, disks: [{ size: 80 GiB }] }
    - { name: d, host: kvm-2, disks: [{ size: 40 GiB }, { size: 20 GiB }] }
    - { name: e, host: kvm-2, disks: [{ size: 20 GiB }] }
    - { name: f, host: kvm-1, disks: [{ size: 50 GiB }] }
wave: { id: quiet, window: { opens: 1 min, closes: 12 h }, limits: { replicating: 3, cuttingOver: 2 }, requester: mia }
plan: { approval: requiredByAnother, refreshEvery: 30 min }
operators: { approve: { by: jonas, after: 5 min } }
`);

/** Facts from the first `count` of a log, and what would follow from there. */
async function goneOn(
  { facts, scenario }: Pick<Rehearsed, 'facts' | 'scenario'>,
  count: number,
  seed: number,
): Promise<{ readonly outcome: AheadOutcome; readonly facts: readonly RecordedFact[] }> {
  const past = facts.slice(0, count);
  const run = await recordedRun(past);
  const now = run.lastAt ?? scenario.starts;
  const all: RecordedFact[] = [...past];
  const ends = new Map<StreamId, number>(run.ends);
  const rng = seededRng(seed).fork('ahead');
  const outcome = await runAhead({
    ...{ run, rng, horizon, standing: machineStandings(run), clock: virtualClock({ turn, start: now }) },
    ...{ approveAfter: millis(0), progressEvery: minutes(1) },
    estate: estateOf(scenario, seededRng(scenario.seed).fork('estate')),
    onFacts: (stream, batch) => {
      for (const fact of batch) {
        const at = (ends.get(stream) ?? -1) + 1;
        ends.set(stream, at);
        const metadata = { ...fact.metadata, previousHash: '' };
        all.push({ ...fact, stream, revision: revision(at), position: position(all.length + 1), metadata });
      }
    },
  });
  return { outcome, facts: all };
}

describe.each([
  ['a small wave', smallWave, 2],
  ['the first wave', firstWave, 13],
] as const)('%s, gone on with from any position', (_name, scenarioOf, every) => {
  let whole: Rehearsed;
  beforeAll(async () => {
    whole = await rehearsed(scenarioOf());
  });
  const positions = (): readonly number[] =>
    Array.from({ length: Math.floor(whole.facts.length / every) }, (_, i) => 1 + i * every);

  it('keeps every law over what was and what would be, and comes to rest', { timeout: 120_000 }, async () => {
    for (const count of positions()) {
      const { facts, outcome } = await goneOn(whole, count, count);
      expect(lawsBroken(facts), `after ${count} facts`).toEqual([]);
      expect(outcome.ending, `after ${count} facts`).toBe('atRest');
      const moving = outcome.members.filter(({ rest }) => rest === undefined);
      expect(moving, `after ${count} facts`).toEqual([]);
    }
  });

  it('goes on after the last fact and not before', async () => {
    const { facts } = await goneOn(whole, Math.floor(whole.facts.length / 2), 1);
    const cut = whole.facts[Math.floor(whole.facts.length / 2) - 1];
    const later = facts.slice(Math.floor(whole.facts.length / 2));
    expect(later.length).toBeGreaterThan(0);
    for (const { metadata } of later) expect(metadata.time).toBeGreaterThanOrEqual(cut?.metadata.time ?? 0);
  });

  it('is the same for the same seed, and another for another', async () => {
    const from = Math.floor(whole.facts.length / 3);
    const [one, again, other] = [
      await goneOn(whole, from, 5),
      await goneOn(whole, from, 5),
      await goneOn(whole, from, 6),
    ];
    expect(again).toEqual(one);
    expect(other.outcome.finished).not.toBe(one.outcome.finished);
  });
});

describe('a wave in which nothing breaks', () => {
  let whole: Rehearsed;
  let finished: Instant;
  beforeAll(async () => {
    whole = await rehearsed(quietWave());
    finished = whole.facts.filter(({ type }) => type === 'TargetValidated').at(-1)?.metadata.time ?? instant(0);
  });

  it('leaves nothing to forecast once it is over', async () => {
    expect(leftOf(await recordedRun(whole.facts))).toEqual([]);
    expect(leftOf(await recordedRun(whole.facts.slice(0, 60)))).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  // A round says how far it is by the minute, and what it moved since is not in the log: so much a position may be off.
  const slack = minutes(2);

  it.each([
    ['its true estate', true, 0.9],
    ['what its log tells of it', false, 0.75],
  ] as const)('ends within the range that is forecast from %s', { timeout: 120_000 }, async (_name, isTrue, share) => {
    const { scenario, facts } = whole;
    const within: boolean[] = [];
    const seen: string[] = [];
    for (let count = 20; count < facts.length; count += 14) {
      const run = await recordedRun(facts.slice(0, count));
      if (leftOf(run).length === 0) break;
      const now = run.lastAt ?? scenario.starts;
      const approved = after(scenario.starts, minutes(5));
      const trueEstate = estateOf(scenario, seededRng(scenario.seed).fork('estate'));
      const outlook = await forecastRun({
        ...{ run, now, horizon, turn, seed: 1, seeds: 10, approveAfter: elapsed(now, approved) },
        estate: isTrue ? { estate: () => trueEstate } : estateOfRun(run),
      });
      const { smallest, largest } = outlook.finish ?? { smallest: Number.NaN, largest: Number.NaN };
      const truth = finished - now;
      within.push(truth >= smallest - slack && truth <= largest + slack);
      seen.push(`${count}: ${[smallest, truth, largest].map((ms) => Math.round(ms / 60_000)).join(' ')}`);
    }
    expect(within.length).toBeGreaterThan(9);
    expect(within.filter(Boolean).length / within.length, seen.join('\n')).toBeGreaterThanOrEqual(share);
  });
});
