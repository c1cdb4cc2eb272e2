import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSqliteEventLog } from '#core/event-log/sqlite';
import { rehearse, type Rehearsal } from '#scenarios/run';
import { surprises } from '#scenarios/rehearsal-summary';
import { millis } from '#core/units';
import { pacedClock } from '#simulator/kernel/paced-clock';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { laws } from './laws.ts';
import { firstWave, hashOf, rehearsalFrom, rehearsed, smallWave, turn, type Rehearsed } from './rehearsed.ts';

/** Who runs and talks, as somebody walking through both sites would see it. */
function bothRunning({ world, members }: Rehearsal): readonly string[] {
  return members.filter((vm) => {
    const { source, target } = world.look(vm);
    return source.power === 'running' && source.connected && target.power === 'running' && target.connected;
  });
}

describe('the first wave', () => {
  let first: Rehearsed;
  const both: string[] = [];
  beforeAll(async () => {
    first = await rehearsed(firstWave(), { watch: (rehearsal) => both.push(...bothRunning(rehearsal)) });
  });

  it('ends, every member where the scenario expects it', () => {
    expect(first.summary.ending).toEqual({ type: 'finished' });
    expect(first.summary.wave.state).toBe('completed');
    expect(first.summary.members.map(({ expected }) => expected)).not.toContain(null);
    expect(surprises(first.summary)).toEqual([]);
  });

  it('shows what can happen to a migration', () => {
    const types = new Set(first.facts.map(({ type }) => type));
    for (const type of [
      'ReplicationDisconnected',
      'TrackingLost',
      'TestJudged',
      'VerificationFailed',
      'QuiesceRefused',
      'OutcomeReconciled',
      'LaunchFailed',
      'RolledBack',
      'ValidationWaived',
    ])
      expect(types).toContain(type);
    const database = first.facts.filter(({ stream, type }) => stream === 'migration-db-1' && type === 'RoundCompleted');
    expect(database.length).toBeGreaterThan(4);
  });

  it.each(Object.keys(laws))('keeps %s', (name) => expect(laws[name]?.(first.facts)).toEqual([]));

  it('never has source and target running and connected, in the world itself', () => expect(both).toEqual([]));

  it('sums up what its log says', () => {
    const { members, facts } = first.summary;
    expect(facts).toBe(first.facts.length);
    const web = members.find(({ migration }) => migration === 'web-1');
    const own = first.facts.filter(({ stream }) => stream === 'migration-web-1');
    const timeOf = (type: string): number => own.find((fact) => fact.type === type)?.metadata.time ?? 0;
    expect(web?.downtime).toBe(timeOf('TargetValidated') - timeOf('SourceQuiesced'));
    expect(web?.rounds).toBe(
      own.filter(({ type }) => type === 'RoundCompleted' || type === 'FinalSyncCompleted').length,
    );
  });
});

describe('one seed', () => {
  let first: string;
  beforeAll(async () => {
    first = hashOf((await rehearsed(smallWave())).facts);
  });

  it('writes the very log it wrote when this was written', async () => {
    // A change here is a change of what rehearsals say. Where it is meant, say so in the changelog and put the new hash.
    expect(hashOf((await rehearsed(firstWave())).facts)).toBe(
      '5aa85dde2537ddc310e45f5d26d68d63e96f546f839991ba359e0f905cc14e9b',
    );
  });

  it('writes one log, and another one another', async () => {
    expect(hashOf((await rehearsed(smallWave())).facts)).toBe(first);
    expect(hashOf((await rehearsed(smallWave(), { seed: 12 })).facts)).not.toBe(first);
  });

  it('comes to the same with a log as without one, where facts have no names', async () => {
    const scenario = firstWave();
    const summary = await rehearse({ scenario, clock: virtualClock({ turn, start: scenario.starts }) });
    expect(summary).toEqual({ ok: true, value: (await rehearsed(scenario)).summary });
  });

  it('writes the same log when somebody watches it in pace with a real clock', async () => {
    const scenario = smallWave();
    const real = virtualClock({
      // Stands for the machine's clock: it moves only when the clock that keeps pace with it has come to rest.
      turn: async () => {
        for (let i = 0; i < 12; i += 1) await turn();
      },
    });
    const clock = pacedClock({ speed: 60, clock: real, turn, start: scenario.starts });
    const paced = await real.run(rehearsed(scenario, { clock }));
    expect(hashOf(paced.facts)).toBe(first);
    expect(real.now()).toBe(Math.ceil((clock.now() - scenario.starts) / 60));
  });

  describe('on disk', () => {
    const directory = mkdtempSync(join(tmpdir(), 'sealift-rehearsal-'));
    afterAll(() => rmSync(directory, { recursive: true }));

    it('writes the same log', async () => {
      const opened = await openSqliteEventLog({ path: join(directory, 'small.db'), mode: 'create' });
      if (!opened.ok) throw new Error(opened.error.type);
      const stored = await rehearsed(smallWave(), { log: opened.value });
      await opened.value.close();
      expect(hashOf(stored.facts)).toBe(first);
    });
  });
});

describe('a crowded wave', () => {
  it('lets everybody through, one by one', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const { summary, facts } = await rehearsed(
      rehearsalFrom(`
kind: rehearsal
id: crowded
title: One at a time
why: Nobody starves, whatever the limits.
estate:
  hosts: [{ name: kvm-1, platform: kvm }]
  vms: [${names.map((name) => `{ name: ${name}, host: kvm-1, disks: [{ size: 10 GiB }] }`).join(', ')}]
wave:
  id: crowded
  window: { opens: 0 s, closes: 12 h }
  limits: { replicating: 1, cuttingOver: 1 }
plan: { approval: given }
`),
    );
    expect(summary.members.map(({ lifecycle }) => lifecycle)).toEqual(names.map(() => 'cutOver'));
    const started = facts.filter(({ type }) => type === 'ProtectionStarted').map(({ stream }) => stream);
    expect(started.toSorted()).toEqual(names.map((name) => `migration-${name}`));
    expect(laws['L21, limits hold']?.(facts)).toEqual([]);
  });
});

describe('a window that closes too early', () => {
  it('leaves everybody where it found them, or through', async () => {
    const { wave, faults: _, ...rest } = smallWave();
    const { summary, facts } = await rehearsed({
      ...rest,
      faults: [],
      wave: { ...wave, window: { opens: wave.window.opens, closes: millis(wave.window.opens + 60_000) } },
    });
    expect(laws['L10, whole at the end']?.(facts)).toEqual([]);
    const lifecycles = summary.members.map(({ lifecycle }) => lifecycle);
    expect(lifecycles).toContain('protected');
    expect(lifecycles).toContain('rolledBack');
    expect(facts.filter(({ type }) => type === 'RollbackRequested').length).toBeGreaterThan(0);
  });
});
