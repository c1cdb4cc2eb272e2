import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Clock } from '#core/clock';
import { driver } from '#core/driver/driver';
import { runDriver, type RunningDriver } from '#core/driver/run-driver';
import type { World } from '#core/driver/world';
import type { EventLog, ProposedFact, RecordedFact } from '#core/event-log/event-log';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { commandId, factId } from '#core/ids';
import { axesOf } from '#core/migration/abilities';
import type { MigrationCommand, Rejection } from '#core/migration/commands';
import type { Effect } from '#core/migration/effects';
import type { MigrationFact } from '#core/migration/facts';
import { isSideEffect } from '#core/migration/effects';
import type { MigrationState } from '#core/migration/evolve';
import { migrationModel } from '#core/migration/model';
import { after, instant } from '#core/units';
import { samplePlan } from '#test/support/migration-facts';
import { freshReality, smallWorld, type Reality } from '#test/support/small-world';

const stream = 'migration-web-01';

/** Time that passes as soon as somebody waits for it. */
function eagerClock(): Clock {
  let now = instant(1_000);
  return {
    now: () => now,
    wait: async (duration, signal) => {
      await new Promise((resolve) => setImmediate(resolve));
      if (!signal?.aborted) now = after(now, duration);
    },
  };
}

/** What the people around this migration would do next, looking at where it stands. */
const wishes: Readonly<Record<string, MigrationCommand>> = {
  undrafted: { type: 'DraftMigration', data: { plan: samplePlan() } },
  draft: { type: 'VerifySource', data: {} },
  ready: { type: 'StartProtection', data: {} },
  'testing.running': { type: 'JudgeTest', data: { verdict: 'passed', note: '' } },
  cutOver: { type: 'Finalize', data: {} },
};

type Life = 'straight' | 'tested and rolled back' | 'cancelled';

function wishFor(
  life: Life,
  facts: readonly ProposedFact[],
  lifecycle: string,
  replication: string,
): MigrationCommand | undefined {
  const had = (type: string): boolean => facts.some((fact) => fact.type === type);
  if (
    life === 'tested and rolled back' &&
    lifecycle === 'protected' &&
    replication === 'parked.resting' &&
    !had('TestLaunched')
  )
    return { type: 'LaunchTest', data: {} };
  if (life === 'tested and rolled back' && lifecycle === 'cutOver' && !had('RolledBack'))
    return { type: 'RollBack', data: { reason: 'rehearsed', acceptLossOfTargetWrites: true } };
  if (life === 'cancelled' && replication === 'parked.resting')
    return { type: 'CancelMigration', data: { reason: 'no' } };
  if (lifecycle === 'protected' || lifecycle === 'rolledBack') {
    if (replication !== 'parked.resting') return undefined;
    const approved = facts.findLastIndex(({ type }) => type === 'CutoverApproved');
    return approved > facts.findLastIndex(({ type }) => type === 'RolledBack')
      ? { type: 'StartCutover', data: {} }
      : { type: 'ApproveCutover', data: { by: 'grace' } };
  }
  return wishes[lifecycle];
}

type Running = RunningDriver<MigrationState, MigrationCommand, Rejection>;

class Crash extends Error {}

/** Lives one life to its end, or to the crash that the world has in store. */
async function live(life: Life, log: EventLog, world: World<MigrationFact, Effect>): Promise<'finished' | 'crashed'> {
  const clock = eagerClock();
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  // A driver that takes up old work has news before whoever started it holds it in hand.
  let held: Running | undefined;
  const nudge = async (): Promise<void> => {
    if (!held) return;
    const { lifecycle, replication } = axesOf(held.state());
    const wish = wishFor(life, await factsOf(log), lifecycle, replication);
    if (wish)
      await held.command({ id: commandId(randomUUID()), actor: 'operator:test', at: clock.now(), command: wish });
  };
  const running: Running = await runDriver(migrationModel, stream, {
    log,
    world,
    clock,
    newFactId: () => factId(randomUUID()),
    correlationId: 'web-01',
    onFacts: () => void nudge().catch(fail),
  });
  held = running;
  void nudge().catch(fail);
  try {
    const ending = await Promise.race([running.ended, failed]);
    expect(ending.type).toBe('finished');
    return 'finished';
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
    return 'crashed';
  } finally {
    await running.stop();
  }
}

async function factsOf(log: EventLog): Promise<readonly RecordedFact[]> {
  const facts: RecordedFact[] = [];
  for await (const fact of log.readStream(stream)) facts.push(fact);
  return facts;
}

/** Dies at call number `at`: before the world did it, or after, and before the log knows. */
function dying(world: World<MigrationFact, Effect>, at: number, moment: 'before' | 'after') {
  let calls = 0;
  let diedIn: Effect | undefined;
  const doomed: World<MigrationFact, Effect> = {
    ...world,
    perform: async (work, report, signal) => {
      const mine = calls++ === at;
      if (mine) diedIn = work.effect;
      if (mine && moment === 'before') throw new Crash();
      const outcome = await world.perform(work, report, signal);
      if (mine) throw new Crash();
      return outcome;
    },
  };
  return { world: doomed, diedIn: () => diedIn };
}

const ends: Readonly<Record<Life, { readonly lifecycle: string } & Omit<Reality, 'done'>>> = {
  straight: { lifecycle: 'finalized', source: 'retired', target: 'connected', clone: false, marks: 0 },
  'tested and rolled back': { lifecycle: 'finalized', source: 'retired', target: 'connected', clone: false, marks: 0 },
  cancelled: { lifecycle: 'cancelled', source: 'running', target: 'none', clone: false, marks: 0 },
};

describe.each(['straight', 'tested and rolled back', 'cancelled'] as const)('a driver that dies, %s', (life) => {
  it.each(['before', 'after'] as const)('at every effect, %s the world did it, ends the same', async (moment) => {
    const calm = freshReality();
    await live(life, inMemoryEventLog(), smallWorld(calm));
    const undisturbed = sideEffects(calm);
    let crashes = 0;
    for (let at = 0; ; at += 1) {
      const reality = freshReality();
      const log = inMemoryEventLog();
      const doomed = dying(smallWorld(reality), at, moment);
      const crashed = await live(life, log, doomed.world);
      if (crashed === 'crashed') await live(life, log, smallWorld(reality));
      const facts = await factsOf(log);
      const { done: _done, ...rest } = reality;
      expect({ ...rest, lifecycle: lifecycleOf(facts) }, `${moment} call ${at}`).toEqual(ends[life]);
      expect(sideEffects(reality), `${moment} call ${at}`).toEqual(undisturbed);
      expectAskedFirst(facts, doomed.diedIn(), moment);
      if (crashed === 'finished') break;
      crashes += 1;
    }
    expect(crashes).toBeGreaterThan(5);
  });
});

function lifecycleOf(facts: readonly RecordedFact[]): string {
  const replayed = driver(migrationModel, {
    stream,
    correlationId: 'web-01',
    history: facts as readonly ProposedFact<MigrationFact>[],
    newFactId: () => factId('unused'),
  });
  return axesOf(replayed.state()).lifecycle;
}

/** The side effects that were done, in order, whoever asked for them. */
const sideEffects = ({ done }: Reality): readonly string[] =>
  done.filter(({ type }) => isSideEffect(type)).map(({ type }) => type);

/** What the driver that took over found out before it did anything, if the other one died in a side effect. */
function expectAskedFirst(
  facts: readonly RecordedFact[],
  diedIn: Effect | undefined,
  moment: 'before' | 'after',
): void {
  const findings = facts.flatMap(({ type, data }) =>
    type === 'OutcomeReconciled' ? [(data as { found: string }).found] : [],
  );
  const asked = diedIn && isSideEffect(diedIn.type);
  expect(findings).toEqual(asked ? [moment === 'after' ? 'done' : 'notDone'] : []);
}

describe('two drivers on one stream', () => {
  it('the one whose append comes second stops: someone else owns the migration', async () => {
    const log = inMemoryEventLog();
    const surroundings = {
      log,
      world: smallWorld(freshReality()),
      clock: eagerClock(),
      newFactId: () => factId(randomUUID()),
      correlationId: 'web-01',
    };
    const first = await runDriver(migrationModel, stream, surroundings);
    const second = await runDriver(migrationModel, stream, surroundings);
    const draft = (id: string) => ({
      id: commandId(id),
      actor: 'operator:test',
      at: instant(0),
      command: wishes['undrafted'] as MigrationCommand,
    });
    expect((await first.command(draft('a'))).ok).toBe(true);
    expect(await second.command(draft('b'))).toMatchObject({ ok: false, error: { type: 'RevisionConflict' } });
    expect(await second.ended).toMatchObject({ type: 'logRefused', error: { type: 'RevisionConflict' } });
    await first.stop();
  });
});
