import { describe, expect, it } from 'vitest';
import { position, revision, type ProposedFact } from '#core/event-log/event-log';
import { commandId, factId } from '#core/ids';
import type { MigrationCommand, Rejection } from '#core/migration/commands';
import type { Effect } from '#core/migration/effects';
import type { MigrationFact } from '#core/migration/facts';
import { migrationModel } from '#core/migration/model';
import { ok } from '#core/result';
import { after, instant, round, seconds, type Instant } from '#core/units';
import { samplePlan, sampleReport } from '#test/support/migration-facts';
import { driver, type Command, type DriverAction, type DriverInput } from './driver.ts';

type Action = DriverAction<MigrationFact, Effect, Rejection>;

const stream = 'migration-web-01';
const begun = instant(10_000);
const plan = samplePlan({
  approval: 'given',
  refreshEvery: seconds(600),
  quiesce: { timeout: seconds(60), onRefusal: 'rollBack' },
});

const parked: readonly MigrationFact[] = [
  { type: 'MigrationDrafted', data: { plan } },
  { type: 'VerificationRequested', data: {} },
  { type: 'VerificationPassed', data: { checks: [] } },
  { type: 'ProtectionStarted', data: {} },
  { type: 'ReplicationInitiated', data: { disks: [] } },
  { type: 'RoundCompleted', data: sampleReport({ kind: 'full' }) },
];
const quiescing: readonly MigrationFact[] = [
  ...parked,
  { type: 'CutoverApproved', data: { by: 'ada' } },
  { type: 'CutoverStarted', data: {} },
  { type: 'RoundCompleted', data: sampleReport({ round: round(1) }) },
];

/** A driver whose appends are durable at once, and what it wanted done. */
function driven(facts: readonly MigrationFact[], appended: ProposedFact<MigrationFact>[] = []) {
  let ids = 0;
  const proposed = (fact: MigrationFact): ProposedFact<MigrationFact> => ({
    ...fact,
    id: factId(`told-${(ids += 1)}`),
    metadata: {
      ...{ time: begun, actor: 'test', correlationId: 'web-01' },
      ...{
        schemaVersion: migrationModel.schemaVersion,
        model: { id: migrationModel.id, version: migrationModel.version },
      },
    },
  });
  const history = [...facts.map(proposed), ...appended];
  let count = history.length;
  const core = driver(migrationModel, {
    ...{ stream, correlationId: 'web-01', history },
    newFactId: () => factId(`new-${(ids += 1)}`),
  });
  const feed = (input: DriverInput<MigrationFact, MigrationCommand>): readonly Action[] => {
    const wanted: Action[] = [];
    for (const action of core.apply(input)) {
      wanted.push(action);
      if (action.type !== 'append') continue;
      appended.push(...action.facts);
      count += action.facts.length;
      const result = ok({ revision: revision(count - 1), position: position(count) });
      wanted.push(...feed({ type: 'AppendAnswered', result, at: begun }));
    }
    return wanted;
  };
  return { appended, feed, start: (at: Instant = begun) => feed({ type: 'Started', at }) };
}

const performed = (actions: readonly Action[]): readonly Effect['type'][] =>
  actions.flatMap((action) => (action.type === 'perform' ? [action.work.effect.type] : []));
const keyOf = (actions: readonly Action[]): string =>
  actions.flatMap((action) => (action.type === 'perform' ? [action.work.key] : []))[0] ?? '';
const armedFor = (actions: readonly Action[], at: Instant): string =>
  actions.flatMap((action) => (action.type === 'arm' && action.at === at ? [action.key] : []))[0] ?? '';

describe('work that nobody wants any more', () => {
  const abandoning = () => {
    const { appended, feed, start } = driven(quiescing);
    const first = start();
    expect(performed(first)).toEqual(['quiesceSource']);
    const deadline = after(begun, seconds(60));
    const next = feed({ type: 'TimerFired', key: armedFor(first, deadline), at: deadline });
    return { appended, feed, quiesce: keyOf(first), next };
  };

  it('is let go of, and nothing is begun beside it before it has returned', () => {
    const { feed, next, quiesce } = abandoning();
    expect(next).toContainEqual({ type: 'abandon', key: quiesce });
    expect(performed(next)).toEqual([]);
    const outcome = { type: 'facts', facts: [] } as const;
    expect(performed(feed({ type: 'OutcomeArrived', key: quiesce, outcome, at: begun }))).toEqual(['rollBack']);
  });

  it('comes to nothing: what it says is not taken for the outcome of what followed', () => {
    const { appended, feed, quiesce } = abandoning();
    const outcome = {
      type: 'facts',
      facts: [{ type: 'SourceQuiesced', data: { method: 'paused', found: 'running' } }],
    } as const;
    feed({ type: 'OutcomeArrived', key: quiesce, outcome, at: begun });
    expect(appended.map(({ type }) => type)).not.toContain('SourceQuiesced');
  });
});

describe('work that was asked for before a restart', () => {
  it('is asked about, and not done again before the world has said that it was not done', () => {
    const { appended, start } = driven(quiescing);
    const key = keyOf(start());
    const second = driven(quiescing, [...appended]);
    const asked = second.start();
    expect(performed(asked)).toEqual([]);
    expect(asked.flatMap((action) => (action.type === 'reconcile' ? [action.work.key] : []))).toEqual([key]);
    expect(second.appended.map(({ type }) => type)).toEqual(['EffectRequested', 'OutcomeUnknown']);
    const done = second.feed({ type: 'FindingArrived', key, finding: { type: 'notDone' }, at: begun });
    expect(performed(done)).toEqual(['quiesceSource']);
  });
});

describe('a command', () => {
  const pause: Command<MigrationCommand> = {
    ...{ id: commandId('pause-1'), actor: 'ada', at: begun },
    command: { type: 'PauseReplication', data: { reason: 'busy hour' } },
  };
  const done = { type: 'answer', id: pause.id, result: ok(undefined) };

  it('that is sent again, since its answer was lost, is done once and answered again', () => {
    const { appended, feed, start } = driven(parked);
    start();
    expect(feed({ type: 'Commanded', commanded: pause })).toContainEqual(done);
    expect(feed({ type: 'Commanded', commanded: pause })).toContainEqual(done);
    expect(appended.map(({ type }) => type)).toEqual(['ReplicationPaused']);
  });

  it('is known again by a driver that was started after it', () => {
    const { appended, feed, start } = driven(parked);
    start();
    feed({ type: 'Commanded', commanded: pause });
    const second = driven(parked, [...appended]);
    second.start();
    expect(second.feed({ type: 'Commanded', commanded: pause })).toContainEqual(done);
    expect(second.appended).toEqual(appended);
  });
});

describe('a timer', () => {
  it('is armed for when it was due, however late its driver was started again', () => {
    const [arm] = driven(parked).start(after(begun, seconds(45)));
    expect(arm).toMatchObject({ type: 'arm', at: after(begun, plan.refreshEvery) });
  });
});
