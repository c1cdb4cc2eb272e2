import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instant } from '#core/units';
import { initialContext } from '#core/migration/chart';
import { sampleFacts } from '#test/support/migration-facts';
import { checklistFacts, foldChecklist, itemsKept, stepsKept, type Checklist } from './checklist.ts';
import type { SideEffectType } from './effects.ts';
import type { MigrationFact, StepItem } from './facts.ts';

const asked = (effect: SideEffectType): MigrationFact => ({ type: 'EffectRequested', data: { key: 'k', effect } });
const told = (step: string, item: string, more: Partial<StepItem> = {}): MigrationFact => ({
  type: 'StepReported',
  data: { ...{ step, item, title: item, state: 'running', detail: '', attempt: 1, nextAttempt: null }, ...more },
});
const fixedUp: MigrationFact = { type: 'ReplicaFixedUp', data: { findings: [] } };
const fixUpFailed: MigrationFact = {
  type: 'FixUpFailed',
  data: { reason: { type: 'NoRoom', detail: '/boot is full' } },
};

/** One fact a second, from second 1. */
const folded = (...facts: readonly MigrationFact[]): Checklist =>
  facts.reduce<Checklist>((steps, fact, n) => foldChecklist(steps, fact, instant((n + 1) * 1_000)), []);

describe('a checklist', () => {
  it('keeps the last word about each item, where the item was first told of', () => {
    const [step] = folded(
      asked('fixUpReplica'),
      told('fixUpReplica', 'plan'),
      told('fixUpReplica', 'apply'),
      told('fixUpReplica', 'plan', { state: 'done', detail: '4 edits' }),
      told('fixUpReplica', 'apply', { state: 'retrying', attempt: 2, nextAttempt: instant(9_000) }),
    );
    expect(step).toMatchObject({ step: 'fixUpReplica', run: 1, begun: 1_000, ended: null, state: 'running' });
    expect(step?.items).toMatchObject([
      { item: 'plan', state: 'done', detail: '4 edits', begun: 2_000, told: 4_000, nextAttempt: null },
      { item: 'apply', state: 'retrying', attempt: 2, begun: 3_000, told: 5_000, nextAttempt: 9_000 },
    ]);
  });

  it('starts anew when its step is begun again, and keeps what became of the try before', () => {
    const steps = folded(
      ...[asked('fixUpReplica'), told('fixUpReplica', 'plan', { state: 'done' }), fixUpFailed],
      ...[asked('fixUpReplica'), told('fixUpReplica', 'plan')],
    );
    expect(steps).toMatchObject([
      { run: 1, state: 'failed', detail: '/boot is full', ended: 3_000, items: [{ state: 'done' }] },
      { run: 2, state: 'running', ended: null, items: [{ state: 'running', begun: 5_000 }] },
    ]);
  });

  it('gives up a step that another one follows without its outcome', () => {
    const steps = folded(asked('fixUpReplica'), asked('rollBack'));
    expect(steps.map(({ step, state, ended }) => [step, state, ended])).toEqual([
      ['fixUpReplica', 'abandoned', 2_000],
      ['rollBack', 'running', null],
    ]);
  });

  it('says that an outcome is not known until it is', () => {
    const lost: MigrationFact = { type: 'OutcomeUnknown', data: { key: 'k', effect: 'fenceSource', why: 'no answer' } };
    const hopeless: MigrationFact = { type: 'OutcomeUndecidable', data: { key: 'k', why: 'the host is gone' } };
    const unknown = folded(asked('fenceSource'), lost);
    expect(unknown).toMatchObject([{ state: 'unknown', detail: 'no answer', ended: null }]);
    const undecidable = foldChecklist(unknown, hopeless, instant(3_000));
    expect(undecidable).toMatchObject([{ state: 'undecidable', detail: 'the host is gone' }]);
    const fenced: MigrationFact = { type: 'SourceFenced', data: { proof: 'off' } };
    expect(foldChecklist(unknown, fenced, instant(4_000))).toMatchObject([{ state: 'done', detail: '', ended: 4_000 }]);
    expect(foldChecklist(unknown, asked('fenceSource'), instant(4_000))).toMatchObject([
      { state: 'abandoned' },
      { run: 2, state: 'running' },
    ]);
  });

  it('has steps that are not logged as requested: they begin where the one before them ended', () => {
    const connected: MigrationFact = { type: 'TargetConnected', data: { networks: [] } };
    const passed: MigrationFact = { type: 'TargetValidated', data: { checks: [] } };
    expect(folded(asked('connectTarget'), connected, told('validateTarget', 'checks'), passed)).toMatchObject([
      { step: 'connectTarget', state: 'done', ended: 2_000 },
      { step: 'validateTarget', run: 1, state: 'done', begun: 2_000, ended: 4_000, items: [{ item: 'checks' }] },
    ]);
    // A replica is validated right after its source was fenced.
    const fenced: MigrationFact = { type: 'SourceFenced', data: { proof: 'off' } };
    expect(folded(asked('fenceSource'), fenced, passed).at(-1)).toMatchObject({ begun: 2_000, ended: 3_000 });
  });

  it('is not ended by the outcome of another step', () => {
    const steps = folded(asked('launchTarget'), told('launchTarget', 'boot'), fixedUp);
    expect(steps.find(({ step }) => step === 'launchTarget')).toMatchObject({ state: 'running', ended: null });
  });

  it('takes reports of a step that nobody asked for, beside the one that goes on', () => {
    const steps = folded(asked('launchTest'), told('prepareFixUp', 'plan'), told('launchTest', 'boot'));
    expect(steps.map(({ step, state, items }) => [step, state, items.length])).toEqual([
      ['launchTest', 'running', 1],
      ['prepareFixUp', 'running', 1],
    ]);
  });

  it('is the same object where a fact changes nothing of it', () => {
    const steps = folded(asked('fixUpReplica'));
    for (const fact of sampleFacts(initialContext()))
      if (!checklistFacts().includes(fact.type)) expect(foldChecklist(steps, fact, instant(5_000))).toBe(steps);
    expect(foldChecklist(steps, asked('initiateReplication'), instant(5_000))).toBe(steps);
  });

  it('is bounded: the oldest steps and items go first', () => {
    const items = Array.from({ length: itemsKept + 5 }, (_, n) => told('quiesceSource', `unit${n}`));
    const [step] = folded(asked('quiesceSource'), ...items);
    expect(step?.items).toHaveLength(itemsKept);
    expect([step?.items[0]?.item, step?.items.at(-1)?.item]).toEqual(['unit5', `unit${itemsKept + 4}`]);
    const steps = folded(...Array.from({ length: 3 * stepsKept }, () => asked('launchTarget')));
    expect(steps).toHaveLength(stepsKept);
    expect(steps.at(-1)?.run).toBe(3 * stepsKept);
  });

  it('has each item of a step once, whatever is told in which order', () => {
    const any = fc.record({ begins: fc.boolean(), step: fc.nat(3), item: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 60, size: 'max' }), (all) => {
        const steps = folded(
          ...all.map(({ begins, step, item }) =>
            begins ? asked(`step${step}` as SideEffectType) : told(`step${step}`, `item${item}`),
          ),
        );
        for (const { items } of steps) expect(new Set(items.map(({ item }) => item)).size).toBe(items.length);
      }),
    );
  });
});
