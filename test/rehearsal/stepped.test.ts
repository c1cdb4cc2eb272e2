import { expect, it } from 'vitest';
import { runDriver } from '#core/driver/run-driver';
import { stepDriver } from '#core/driver/step-driver';
import { promised } from '#core/driver/stepped-world';
import type { ProposedFact, StreamId } from '#core/event-log/event-log';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { commandId, factId } from '#core/ids';
import { axesOf } from '#core/migration/abilities';
import type { MigrationCommand } from '#core/migration/commands';
import type { MigrationState } from '#core/migration/evolve';
import { migrationModel } from '#core/migration/model';
import { millis } from '#core/units';
import { faultsOf } from '#scenarios/rehearsal-faults';
import { estateOf, memberPlan } from '#scenarios/rehearsal-plan';
import { rehearsalLog } from '#scenarios/rehearsal-log';
import { flowWorld } from '#simulator/flow/flow-world';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { rehearsalFrom, turn } from './rehearsed.ts';

const scenario = rehearsalFrom(`
kind: rehearsal
id: both
title: One driver, carried out in two ways
why: What is rehearsed by calls has to be what a live run does by promises.
estate:
  hosts: [{ name: kvm-1, platform: kvm }]
  vms: [{ name: web, host: kvm-1, disks: [{ size: 30 GiB }], writes: { rate: 8 MiB/s, workingSet: 2 GiB } }]
wave: { id: both, window: { opens: 0 s, closes: 9 h } }
plan: { approval: given, downtimeMax: 20 s }
faults:
  - { type: answerLost, effects: [launchTarget, fenceSource], times: 1 }
  - { type: trackingLost }
  - { type: linkDown, link: wan, at: 3 min, lasts: 2 min }
`);

/** What an operator asks for next, wherever the migration stands. */
function nextOf(state: MigrationState): MigrationCommand | undefined {
  const { lifecycle, replication } = axesOf(state);
  if (lifecycle === 'draft') return { type: 'VerifySource', data: {} };
  if (lifecycle === 'ready') return { type: 'StartProtection', data: {} };
  if (lifecycle === 'protected' && replication === 'parked.resting') return { type: 'StartCutover', data: {} };
  return lifecycle === 'cutOver' ? { type: 'Finalize', data: {} } : undefined;
}

/** One migration from draft to its end. What each fact says, and when. */
async function migrated(manner: 'calls' | 'promises'): Promise<readonly unknown[]> {
  const clock = virtualClock({ turn, start: scenario.starts });
  const rng = seededRng(5);
  const estate = estateOf(scenario, rng.fork('estate'));
  const [vm] = estate.vms;
  if (!vm) throw new Error('no VM');
  const plan = memberPlan(scenario, estate, vm);
  const faults = faultsOf(scenario, { estate, rng: rng.fork('faults'), start: scenario.starts });
  const part = flowWorld({ estate, clock, rng: rng.fork('world'), faults }).of('web', plan);
  const stream: StreamId = 'migration-web';
  const told: unknown[] = [];
  let commands = 0;
  const order = (command: MigrationCommand) => ({
    ...{ id: commandId(`c-${(commands += 1)}`), actor: 'operator:tester', at: clock.now() },
    command,
  });
  const first: MigrationCommand = { type: 'DraftMigration', data: { plan } };
  let send: (command: MigrationCommand) => void = () => undefined;
  let state: () => MigrationState = () => {
    throw new Error('no driver yet');
  };
  const common = {
    clock,
    correlationId: 'both',
    newFactId: () => factId(rng.uuid()),
    onFacts: (facts: readonly ProposedFact[]) => {
      for (const { type, data, metadata } of facts) told.push([type, data, metadata.time]);
      const next = nextOf(state());
      // Asked in an event of its own, as people do.
      if (next) clock.schedule(clock.now(), () => send(next));
    },
  };
  if (manner === 'promises') {
    const running = await runDriver(migrationModel, stream, {
      ...common,
      log: inMemoryEventLog(),
      world: promised(part),
    });
    state = running.state.bind(running);
    send = (command) => void running.command(order(command));
    send(first);
    await clock.run(running.ended);
    return told;
  }
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const stepping = stepDriver(migrationModel, stream, {
    ...common,
    append: rehearsalLog(undefined, clock, () => undefined).append,
    world: part,
    onEnded: () => {
      end();
      clock.askForTurn();
    },
  });
  state = stepping.state.bind(stepping);
  send = (command) => stepping.command(order(command), () => undefined);
  clock.schedule(clock.now(), () => send(first));
  await clock.run(ended, 'asked');
  return told;
}

it('by calls, a migration happens as it does by promises: the same facts at the same moments', async () => {
  const byCalls = await migrated('calls');
  expect(byCalls.length).toBeGreaterThan(20);
  expect(byCalls).toEqual(await migrated('promises'));
});

it('a clock whose turns are asked for stops at the very event that was waited for', async () => {
  const clock = virtualClock({ turn });
  const seen: number[] = [];
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  for (let n = 0; n < 10; n += 1)
    clock.schedule(scenario.starts, () => {
      seen.push(n);
      if (n !== 3) return;
      end();
      clock.askForTurn();
    });
  await clock.run(ended, 'asked');
  expect(seen).toEqual([0, 1, 2, 3]);
  await clock.run(clock.wait(millis(0)), 'asked');
});
