import { describe, expect, it } from 'vitest';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { commandId, migrationId } from '#core/ids';
import { InvariantError } from '#core/invariant';
import type { MigrationCommand } from '#core/migration/commands';
import { after, minutes } from '#core/units';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { loadScenario } from './load.ts';
import type { RehearsalScenario } from './rehearsal-scenario.ts';
import { rehearse, startRehearsal, type Rehearsal, type RehearsalOptions } from './run.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function scenarioOf(more = ''): RehearsalScenario {
  const text = `
kind: rehearsal
id: pair
title: Two machines
why: They are enough to ask for things.
estate:
  hosts: [{ name: kvm-1, platform: kvm }]
  vms:
    - { name: web-1, host: kvm-1, disks: [{ size: 8 GiB }] }
    - { name: web-2, host: kvm-1, disks: [{ size: 8 GiB }] }
wave: { id: pair, window: { opens: 1 h, closes: 2 h } }
plan: { approval: given }
${more}`;
  const loaded = loadScenario(text, 'pair.yaml');
  if (!loaded.ok || loaded.value.kind !== 'rehearsal') throw new InvariantError(JSON.stringify(loaded));
  return loaded.value;
}

async function started(scenario = scenarioOf(), more: Partial<RehearsalOptions> = {}) {
  const clock = virtualClock({ turn, start: scenario.starts });
  const log = inMemoryEventLog();
  const rehearsal = await startRehearsal({ scenario, clock, log, ...more });
  if (!rehearsal.ok) throw new InvariantError(JSON.stringify(rehearsal.error));
  const ask = (name: string, command: MigrationCommand) =>
    rehearsal.value.command(migrationId(name), {
      id: commandId(`${name}-${command.type}`),
      actor: 'operator:ada',
      at: clock.now(),
      command,
    });
  /** Has something done after so many minutes. */
  const at = <T>(minute: number, act: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) =>
      clock.schedule(after(scenario.starts, minutes(minute)), () => void act().then(resolve, reject)),
    );
  return { scenario, clock, log, rehearsal: rehearsal.value, ask, at };
}

const lifecycles = async ({ ended }: Rehearsal): Promise<readonly string[]> =>
  (await ended).members.map(({ lifecycle }) => lifecycle);

describe('a rehearsal', () => {
  it('runs to its end, and nothing is left to run after it', async () => {
    const scenario = scenarioOf('operators: { finalize: { after: 10 min } }');
    const clock = virtualClock({ turn, start: scenario.starts });
    const summary = await rehearse({ scenario, clock, log: inMemoryEventLog() });
    expect(summary).toMatchObject({
      ok: true,
      value: { ending: { type: 'finished' }, members: [{ lifecycle: 'finalized' }, { lifecycle: 'finalized' }] },
    });
    await expect(clock.run(new Promise(() => undefined))).rejects.toThrow('nothing can happen any more');
  });

  it('does not end while one thing that people do leads to another', async () => {
    const scenario = scenarioOf(`operators: { undecided: { after: 3 h, action: waive }, finalize: { after: 10 min } }
faults: [{ type: validationFailed, vms: [web-1] }]`);
    const { rehearsal } = await started({ ...scenario, plan: { ...scenario.plan, onValidationFailure: 'ask' } });
    expect(await lifecycles(rehearsal)).toEqual(['finalized', 'finalized']);
  });

  it('takes commands, as its dashboard sends them', async () => {
    const { rehearsal, ask, at } = await started();
    const cancelled = at(20, () => ask('web-1', { type: 'CancelMigration', data: { reason: 'not today' } }));
    expect(await lifecycles(rehearsal)).toEqual(['cancelled', 'cutOver']);
    expect(await cancelled).toEqual({ ok: true, value: undefined });
  });

  it('says why a command leads to nothing', async () => {
    const { rehearsal, ask, at } = await started();
    const refused = at(1, () => ask('web-1', { type: 'Finalize', data: {} }));
    await rehearsal.ended;
    expect(await refused).toMatchObject({ ok: false, error: { type: 'NotNow' } });
    expect(await ask('web-1', { type: 'Finalize', data: {} })).toEqual({ ok: false, error: { type: 'DriverStopped' } });
    expect(await ask('nobody', { type: 'Finalize', data: {} })).toMatchObject({ ok: false });
  });

  it('takes commands to the wave', async () => {
    const { rehearsal, clock, at } = await started();
    const cancel = at(10, () =>
      rehearsal.commandWave({
        id: commandId('cancel'),
        actor: 'operator:ada',
        at: clock.now(),
        command: { type: 'CancelWave', data: { reason: 'not today' } },
      }),
    );
    expect(await lifecycles(rehearsal)).toEqual(['protected', 'protected']);
    expect(await cancel).toMatchObject({ ok: true });
    expect(rehearsal.waveState().snapshot.value).toBe('completed');
  });

  it('stops where it stands when it is told to', async () => {
    const { rehearsal, at } = await started();
    void at(30, () => rehearsal.stop());
    const { ending, wave } = await rehearsal.ended;
    expect(ending).toEqual({ type: 'stopped' });
    expect(wave.duration).toBe(minutes(30));
    await rehearsal.stop();
  });

  it('stops with its signal, be it that nothing has begun', async () => {
    const controller = new AbortController();
    controller.abort();
    const { rehearsal } = await started(scenarioOf(), { signal: controller.signal });
    expect(await rehearsal.ended).toMatchObject({ ending: { type: 'stopped' } });
  });

  it('does not begin twice in one log', async () => {
    const { rehearsal, log, scenario } = await started();
    await rehearsal.ended;
    const clock = virtualClock({ turn, start: scenario.starts });
    expect(await startRehearsal({ scenario, clock, log })).toEqual({
      ok: false,
      error: { type: 'AlreadyThere', stream: 'migration-web-1' },
    });
  });

  it('does not go on with what another one began: its world is gone', async () => {
    const { rehearsal, log, scenario, at } = await started();
    void at(30, () => rehearsal.stop());
    const { facts } = await rehearsal.ended;
    const clock = virtualClock({ turn, start: scenario.starts });
    expect(await startRehearsal({ scenario, clock, log })).toMatchObject({ error: { type: 'AlreadyThere' } });
    let count = 0;
    for await (const _ of log.readAll()) count += 1;
    expect(count).toBe(facts);
  });

  it('does not begin with a VM that nobody made', async () => {
    const scenario = scenarioOf('members: { web-1: { after: [web-2] } }');
    const estate = { ...scenario.estate, vms: scenario.estate.vms.slice(0, 1) };
    const clock = virtualClock({ turn, start: scenario.starts });
    expect(await startRehearsal({ scenario: { ...scenario, estate }, clock, log: inMemoryEventLog() })).toEqual({
      ok: false,
      error: { type: 'UnknownName', kind: 'VM', name: 'web-2' },
    });
  });

  it('ends when its log takes no more', async () => {
    const log = inMemoryEventLog();
    const { rehearsal, at } = await started(scenarioOf(), { log });
    void at(30, () => log.close());
    expect(await rehearsal.ended).toMatchObject({ ending: { type: 'logRefused', error: { type: 'LogClosed' } } });
  });

  it('tells of every fact once, in the order of the log', async () => {
    const told: string[] = [];
    const { rehearsal, log } = await started(scenarioOf(), {
      onFacts: (stream, facts) => told.push(...facts.map(({ id }) => `${stream} ${id}`)),
    });
    await rehearsal.ended;
    const logged: string[] = [];
    for await (const { stream, id } of log.readAll()) logged.push(`${stream} ${id}`);
    expect(told).toEqual(logged);
  });
});
