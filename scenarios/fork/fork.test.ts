import { describe, expect, it } from 'vitest';
import type { RecordedFact } from '#core/event-log/event-log';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { rehearse } from '#scenarios/run';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { factsIn, hashOf, rehearsalFrom, turn } from '#test/rehearsal/rehearsed';
import { fork } from './fork.ts';
import { compareFork, forkLines } from './fork-text.ts';
import { overridden, overrideOf } from './override.ts';
import { provenanceFact, provenanceOf } from './provenance.ts';

const text = `
kind: rehearsal
id: pair
title: Two machines
why: To be forked.
estate:
  links: [{ name: wan, bandwidth: 800 Mbit/s }]
  hosts: [{ name: kvm-1, platform: kvm }]
  vms:
    - { name: web, host: kvm-1, disks: [{ size: 80 GiB }] }
    - { name: db, host: kvm-1, disks: [{ size: 120 GiB }] }
wave: { id: pair, window: { opens: 2 h, closes: 9 h } }
plan: { approval: given }
`;
const scenario = rehearsalFrom(text);
const seed = 5;
const newClock = () => virtualClock({ turn, start: scenario.starts });

function changedBy(set: string) {
  const one = overrideOf(set);
  const changed = one.ok ? overridden(text, [one.value]) : one;
  if (!changed.ok) throw new Error(changed.error);
  return rehearsalFrom(changed.value);
}

async function original() {
  const log = inMemoryEventLog();
  const summary = await rehearse({ scenario, seed, clock: newClock(), log });
  if (!summary.ok) throw new Error(summary.error.type);
  return { facts: await factsIn(log), summary: summary.value };
}

async function forked(set: string, before: readonly RecordedFact[]) {
  const log = inMemoryEventLog();
  const came = await fork({ scenario, changed: changedBy(set), seed, before, clock: newClock(), log });
  return { came, facts: await factsIn(log) };
}

describe('a fork', () => {
  it('with nothing changed is what was, at any moment', async () => {
    const { facts } = await original();
    for (const at of [0, 1, 7, Math.floor(facts.length / 2), facts.length]) {
      const { came, facts: again } = await forked('links.wan.bandwidth=800Mbit', facts.slice(0, at));
      expect(came.ok).toBe(true);
      expect({ at, hash: hashOf(again) }).toEqual({ at, hash: hashOf(facts) });
    }
  });

  it('is what was up to its moment, and slower from there on over a slower link', async () => {
    const { facts, summary } = await original();
    const at = facts.findIndex(({ type }) => type === 'RoundProgressed') + 1;
    const { came, facts: again } = await forked('links.wan.bandwidth=100Mbit', facts.slice(0, at));
    if (!came.ok) throw new Error(came.error.type);
    expect(hashOf(again.slice(0, at))).toBe(hashOf(facts.slice(0, at)));
    expect(hashOf(again)).not.toBe(hashOf(facts));
    expect(came.value.forkedAt).toBe(facts[at - 1]?.metadata.time);
    const { later } = compareFork(summary, came.value.summary);
    expect(later).toBeGreaterThan(0);
    expect(forkLines(summary, came.value, ['links.wan.bandwidth=100Mbit']).join('\n')).toMatch(/instead of .* later/);
  });

  it('is refused where the log says that something else happened', async () => {
    const { facts } = await original();
    const [first, second] = facts;
    if (!first || !second) throw new Error('no facts');
    const { came } = await forked('links.wan.bandwidth=1Gbit', [first, { ...second, type: 'CancellationRequested' }]);
    expect(came).toMatchObject({ ok: false, error: { type: 'HappenedOtherwise', fact: 2 } });
  });
});

describe('where a log comes from', () => {
  it('is its first fact, and can be read again', async () => {
    const log = inMemoryEventLog();
    const { stream, fact } = provenanceFact({ scenario: text, file: 'pair.yaml', seed }, scenario);
    await log.append(stream, [fact], 'none');
    expect(await provenanceOf(log)).toEqual({ ok: true, value: { scenario: text, file: 'pair.yaml', seed } });
  });

  it('is not known of a log that does not say so', async () =>
    expect(await provenanceOf(inMemoryEventLog())).toEqual({ ok: false, error: { type: 'NoProvenance' } }));
});
