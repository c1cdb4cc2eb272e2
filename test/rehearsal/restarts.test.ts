import { describe, expect, it } from 'vitest';
import { runDriver, type RunningDriver } from '#core/driver/run-driver';
import { promised } from '#core/driver/stepped-world';
import type { World } from '#core/driver/world';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { commandId, factId } from '#core/ids';
import { axesOf } from '#core/migration/abilities';
import type { MigrationCommand, Rejection } from '#core/migration/commands';
import type { Effect } from '#core/migration/effects';
import type { MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { migrationModel } from '#core/migration/model';
import { minutes } from '#core/units';
import { estateOf, memberPlan } from '#scenarios/rehearsal-plan';
import { flowWorld } from '#simulator/flow/flow-world';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { approvedFirst, neverBoth, progressHolds, reconciledFirst } from './laws.ts';
import { factsIn, rehearsalFrom, turn } from './rehearsed.ts';

const scenario = rehearsalFrom(`
kind: rehearsal
id: restarts
title: A driver dies
why: Dying at any point and starting again ends as if nothing had died.
estate:
  hosts: [{ name: kvm-1, platform: kvm }]
  vms: [{ name: web, host: kvm-1, disks: [{ size: 8 GiB }], writes: { rate: 8 MiB/s, workingSet: 2 GiB } }]
wave: { id: restarts, window: { opens: 0 s, closes: 1 h } }
plan: { approval: given, downtimeMax: 20 s }
`);

type Driver = RunningDriver<MigrationState, MigrationCommand, Rejection>;

/** What an operator asks for next, wherever the migration stands. */
function nextOf(state: MigrationState): MigrationCommand | undefined {
  const { lifecycle, replication } = axesOf(state);
  if (lifecycle === 'draft') return { type: 'VerifySource', data: {} };
  if (lifecycle === 'ready') return { type: 'StartProtection', data: {} };
  if (lifecycle === 'protected' && replication === 'parked.resting') return { type: 'StartCutover', data: {} };
  return lifecycle === 'cutOver' ? { type: 'Finalize', data: {} } : undefined;
}

/**
 * One migration from draft to its end. Its driver is stopped after `dieAfter` batches of facts, and another takes it up.
 * A world that carries on has not noticed: it does what was asked of it, and nobody hears the answer.
 */
async function migrate(dieAfter: number, whenItDies: 'givesUp' | 'carriesOn') {
  const clock = virtualClock({ turn, start: scenario.starts });
  const rng = seededRng(1);
  const estate = estateOf(scenario, rng);
  const [vm] = estate.vms;
  if (!vm) throw new Error('no VM');
  const plan = memberPlan(scenario, estate, vm);
  const world = flowWorld({ estate, clock, rng, progressEvery: minutes(60) });
  const part = promised(world.of('web', plan));
  const deaf: World<MigrationFact, Effect> = {
    perform: (work, report) => part.perform(work, report, new AbortController().signal),
    reconcile: (work) => part.reconcile(work, new AbortController().signal),
  };
  const log = inMemoryEventLog();
  let batches = 0;
  let dead = false;
  let commands = 0;
  const send = (driver: Driver, command: MigrationCommand) =>
    driver.command({ id: commandId(`c-${(commands += 1)}`), actor: 'operator:tester', at: clock.now(), command });

  /** Runs a driver until it ends, or until it has died. */
  const life = async (mortal: boolean): Promise<void> => {
    let died: (() => void) | undefined;
    const death = new Promise<void>((resolve) => (died = resolve));
    // Told of facts before it is there: what was outstanding is taken up at once.
    let driver: Driver | undefined;
    driver = await runDriver(migrationModel, 'migration-web', {
      log,
      clock,
      world: whenItDies === 'carriesOn' ? deaf : part,
      correlationId: 'restarts',
      newFactId: () => factId(rng.uuid()),
      onFacts: () => {
        batches += 1;
        if (mortal && batches === dieAfter) {
          dead = true;
          died?.();
        }
        if (dead && mortal) return;
        const command = driver && nextOf(driver.state());
        if (driver && command) void send(driver, command);
      },
    });
    const command =
      driver.state().count === 0 ? ({ type: 'DraftMigration', data: { plan } } as const) : nextOf(driver.state());
    if (command) void send(driver, command);
    await clock.run(Promise.race([driver.ended, death]));
    void driver.stop();
  };

  await life(true);
  if (dead) await life(false);
  const facts = await factsIn(log);
  return { died: dead, batches, facts, end: facts.at(-1)?.type, view: world.look('web') };
}

describe('a driver that dies and is taken up', () => {
  it.each(['givesUp', 'carriesOn'] as const)('ends as if nothing had died, when the world %s', async (whenItDies) => {
    const whole = await migrate(0, whenItDies);
    expect(whole.end).toBe('SourceRetired');
    let deaths = 0;
    for (let dieAfter = 1; ; dieAfter += 1) {
      const { died, facts, end, view } = await migrate(dieAfter, whenItDies);
      if (!died) break;
      deaths += 1;
      expect({ dieAfter, end, view }).toEqual({ dieAfter, end: whole.end, view: whole.view });
      expect([
        ...approvedFirst(facts),
        ...neverBoth(facts),
        ...progressHolds(facts),
        ...reconciledFirst(facts),
      ]).toEqual([]);
      const count = (type: string) => facts.filter((fact) => fact.type === type).length;
      // Each step is in the log once, however often it had to be asked about.
      for (const type of [
        'ReplicationInitiated',
        'SourceQuiesced',
        'SourceFenced',
        'TargetLaunched',
        'TargetConnected',
        'SourceRetired',
      ])
        expect({ dieAfter, [type]: count(type) }).toEqual({ dieAfter, [type]: 1 });
    }
    expect(deaths).toBe(whole.batches);
  });
});
