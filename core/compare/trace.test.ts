import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { axesOf } from '#core/migration/abilities';
import { evolve, initialMigration } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { bytes, MiB, millis, round } from '#core/units';
import { samplePlan, sampleReport } from '#test/support/migration-facts';
import { factsOf, walkedRun } from '#test/support/walked-run';
import { durationOf, phasesIn, type Phase } from './phase.ts';
import { phasesOf, traceRun } from './trace.ts';

const reason = { type: 'Unreachable', detail: 'link wan is down' };
const drafted: MigrationFact = { type: 'MigrationDrafted', data: { plan: samplePlan() } };
const begun: readonly (readonly [number, MigrationFact])[] = [
  [0, drafted],
  [5, { type: 'VerificationRequested', data: {} }],
  [40, { type: 'VerificationPassed', data: { checks: [] } }],
  [1, { type: 'ProtectionStarted', data: {} }],
  [9, { type: 'ReplicationInitiated', data: { disks: [] } }],
];
const completed = (n: number, sent: number, duration: number): MigrationFact => ({
  type: 'RoundCompleted',
  data: sampleReport({
    ...{ round: round(n), kind: n === 0 ? 'full' : 'delta', sent: bytes(sent), duration: millis(duration) },
  }),
});
const ask = (effect: 'quiesceSource' | 'fenceSource'): MigrationFact => ({
  type: 'EffectRequested',
  data: { key: 'k', effect },
});
const cutOver: readonly (readonly [number, MigrationFact])[] = [
  [100, { type: 'CutoverApproved', data: { by: 'grace' } }],
  [0, { type: 'CutoverStarted', data: {} }],
  [50, completed(1, MiB, 45)],
  [2, ask('quiesceSource')],
  [10, { type: 'SourceQuiesced', data: { method: 'shutdown', found: 'running' } }],
  [30, { type: 'FinalSyncCompleted', data: sampleReport({ round: round(2), kind: 'final', sent: bytes(7) }) }],
  [8, { type: 'SourceFenced', data: { proof: 'off' } }],
];
const summary = (phases: readonly Phase[]) =>
  phases.map((phase) => `${phase.kind} ${durationOf(phase)}${phase.ending === 'completed' ? '' : ` ${phase.ending}`}`);

describe('phasesOf', () => {
  it('tells how long everything took, each from the fact that led there to the one that led away', () =>
    expect(summary(phasesOf(factsOf('a', [...begun, [700, completed(0, 64 * MiB, 650)], ...cutOver])))).toEqual([
      ...['verify 40', 'initiate 9', 'fullSync 700', 'parked 100', 'deltaSync 50', 'quiesce 12', 'finalSync 30'],
      ...['fence 8', 'fixUp 0 open'],
    ]));

  it('has what a round carried, and nothing of a round that was not completed', () => {
    const phases = phasesOf(factsOf('a', [...begun, [700, completed(0, 64 * MiB, 650)], ...cutOver]));
    expect(phases.flatMap(({ round: report }) => report?.sent ?? [])).toEqual([64 * MiB, MiB, 7]);
  });

  it('tells several tries of one round one by one, with what was in between', () => {
    const facts = factsOf('a', [
      ...begun,
      [300, { type: 'ReplicationDisconnected', data: { endpoint: 'receiver', reason } }],
      [60, { type: 'DeadlinePassed', data: { timer: 'retry' } }],
      [400, completed(0, 64 * MiB, 390)],
    ]);
    const story = [
      'verify 40',
      'initiate 9',
      'fullSync 300 brokenOff',
      'interrupted 60',
      'fullSync 400',
      'parked 0 open',
    ];
    expect(summary(phasesOf(facts))).toEqual(story);
  });

  it('tells rounds that follow one another at once one by one', () => {
    const behind = { dirty: bytes(100 * 1_024 * MiB) };
    const round0: MigrationFact = {
      type: 'RoundCompleted',
      data: sampleReport({ round: round(0), kind: 'full', ...behind }),
    };
    const round1: MigrationFact = { type: 'RoundCompleted', data: sampleReport({ round: round(1), ...behind }) };
    const phases = phasesOf(factsOf('a', [...begun, [700, round0], [90, round1], [80, completed(2, MiB, 70)]]));
    expect(summary(phases).slice(2)).toEqual(['fullSync 700', 'deltaSync 90', 'deltaSync 80', 'parked 0 open']);
  });

  it('marks a step whose answer was lost, and the steps after it not', () => {
    const key = 'migration-a@9/0';
    const lost: readonly (readonly [number, MigrationFact])[] = [
      [0, { type: 'OutcomeUnknown', data: { key, effect: 'quiesceSource', why: 'no answer' } }],
      [0, { type: 'OutcomeReconciled', data: { key, found: 'done' } }],
    ];
    const facts = factsOf('a', [
      ...begun,
      [700, completed(0, 64 * MiB, 650)],
      ...cutOver.slice(0, 4),
      ...lost,
      ...cutOver.slice(4),
    ]);
    const disturbed = phasesOf(facts).flatMap(({ kind, isDisturbed }) => (isDisturbed ? [kind] : []));
    expect(disturbed).toEqual(['quiesce']);
  });

  it('covers any way through the chart without gaps: whenever it is in a state with a phase, that phase is told', () =>
    fc.assert(
      fc.property(walkedRun, (facts) => {
        const ours = facts.filter(({ stream }) => stream === 'migration-vm0');
        const phases = phasesOf(ours);
        let state = initialMigration();
        let before: (typeof ours)[number] | undefined;
        const spent = new Map<string, number>();
        for (const recorded of ours) {
          const time = recorded.metadata.time - (before?.metadata.time ?? recorded.metadata.time);
          for (const kind of phasesIn(axesOf(state))) if (kind) spent.set(kind, (spent.get(kind) ?? 0) + time);
          const fact = { type: recorded.type, data: recorded.data } as MigrationFact;
          state = evolve(state, fact, { stream: recorded.stream, time: recorded.metadata.time });
          before = recorded;
        }
        for (const kind of new Set([...spent.keys(), ...phases.map((phase) => phase.kind)])) {
          const told = phases.filter((phase) => phase.kind === kind).reduce((sum, phase) => sum + durationOf(phase), 0);
          expect(told, kind).toBe(spent.get(kind) ?? 0);
        }
      }),
    ));
});

describe('traceRun', () => {
  it('counts the total until the cutover is over, and not until somebody finalizes', async () => {
    const validated: MigrationFact = { type: 'TargetValidated', data: { checks: [] } };
    const facts = factsOf('a', [
      [0, { type: 'MigrationDrafted', data: { plan: samplePlan({ handOver: 'replica' }) } }],
      ...begun.slice(1),
      [700, completed(0, 64 * MiB, 650)],
      ...cutOver,
      [20, validated],
      [9_000, { type: 'FinalizationRequested', data: {} }],
    ]);
    const { migrations, facts: count } = await traceRun('run', facts);
    expect(count).toBe(facts.length);
    expect(migrations).toMatchObject([{ id: 'a', total: 975, downtime: 58, lifecycle: 'finalizing.retiring' }]);
  });

  it('adds up the downtime of all tries', async () => {
    const again = (n: number): readonly (readonly [number, MigrationFact])[] => [
      [10, { type: 'CutoverStarted', data: {} }],
      [50, completed(n, MiB, 45)],
      [2, ask('quiesceSource')],
      [10, { type: 'SourceQuiesced', data: { method: 'shutdown', found: 'running' } }],
      [30, { type: 'FinalSyncFailed', data: { reason, trackingLost: false } }],
      [25, { type: 'RolledBack', data: { source: 'running' } }],
      [70, completed(n + 1, MiB, 65)],
    ];
    const approved: MigrationFact = { type: 'CutoverApproved', data: { by: 'grace' } };
    const facts = factsOf('a', [
      ...begun,
      [700, completed(0, 64 * MiB, 650)],
      [0, approved],
      ...again(1),
      [0, approved],
      ...again(3),
    ]);
    const { migrations } = await traceRun('run', facts);
    expect(migrations).toMatchObject([{ downtime: 110, broken: null }]);
    expect(migrations[0]?.phases.filter(({ kind }) => kind === 'finalSync').map(({ ending }) => ending)).toEqual([
      'brokenOff',
      'brokenOff',
    ]);
  });

  it('says where a stream cannot be followed, and still tells the others', async () => {
    const facts = [...factsOf('a', [begun[0] ?? [0, drafted], [1, completed(0, 1, 1)]]), ...factsOf('b', begun)];
    const { migrations } = await traceRun('run', facts);
    expect(migrations.map(({ id, broken }) => [id, broken !== null])).toEqual([
      ['a', true],
      ['b', false],
    ]);
  });
});
