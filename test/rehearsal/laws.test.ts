import { beforeAll, describe, expect, it } from 'vitest';
import type { RecordedFact } from '#core/event-log/event-log';
import type { MigrationFact } from '#core/migration/facts';
import type { WaveFact } from '#core/wave/facts';
import { laws, lawsBroken } from './laws.ts';
import { smallWave, rehearsed } from './rehearsed.ts';

/** Each law is shown a log that breaks it: the one of a small wave, tampered with. */
describe('a law', () => {
  let facts: readonly RecordedFact[];
  beforeAll(async () => {
    ({ facts } = await rehearsed(smallWave()));
  });

  type Tamper = (fact: RecordedFact) => readonly RecordedFact[];
  const changed = (fact: RecordedFact, data: object): RecordedFact => ({ ...fact, data: { ...fact.data, ...data } });
  const tampered = (tamper: Tamper): readonly RecordedFact[] => facts.flatMap(tamper);
  const fact = (like: RecordedFact, { type, data }: MigrationFact | WaveFact): RecordedFact => ({
    ...like,
    type,
    data,
  });

  it('is kept by what happened', () => expect(lawsBroken(facts)).toEqual([]));

  it('that folds a log refuses one with a fact missing', () =>
    expect(() => laws['L18, prefixes replay']?.(tampered((f) => (f.type === 'SourceFenced' ? [] : [f])))).toThrow(
      'cannot follow',
    ));

  it.each<[string, string, Tamper]>([
    ['L2 and L23, approved first', 'without approval', (f) => (f.type === 'CutoverApproved' ? [] : [f])],
    [
      'L2 and L23, approved first',
      'approved by its requester',
      (f) => [f.type === 'CutoverApproved' ? changed(f, { by: 'mia' }) : f],
    ],
    ['L4, never both', 'both run', (f) => (f.type === 'SourceFenced' ? [] : [f])],
    [
      'L4, never both',
      'both run',
      (f) => (f.type === 'RolledBack' ? [f, fact(f, { type: 'TargetConnected', data: { networks: [] } })] : [f]),
    ],
    [
      'L10, whole at the end',
      'is cuttingOver.fencing',
      (f) =>
        f.type === 'WaveCompleted'
          ? [changed(f, { members: [{ migration: 'a', lifecycle: 'cuttingOver.fencing' }] })]
          : [f],
    ],
    [
      'L17, progress holds',
      'progress fell',
      (f) => (f.type === 'RoundProgressed' ? [f, changed(f, { done: 1 })] : [f]),
    ],
    ['L17, progress holds', 'more was done', (f) => [f.type === 'RoundProgressed' ? changed(f, { total: 1 }) : f]],
    ['L17, progress holds', 'accounted for', (f) => [f.type === 'RoundCompleted' ? changed(f, { resumed: 7 }) : f]],
    ['L17, progress holds', 'do not add up', (f) => [f.type === 'RoundCompleted' ? changed(f, { disks: [] }) : f]],
    ['L17, progress holds', 'is dirty', (f) => [f.type === 'FinalSyncCompleted' ? changed(f, { dirty: 1 }) : f]],
    ['L21, limits hold', 'at most 1', (f) => [f.type === 'WaveDrafted' ? withLimits(f) : f]],
    ['L22, reconciled first', 'is unknown', (f) => (f.type === 'OutcomeReconciled' ? [] : [f])],
  ])('%s: %s', (name, message, tamper) => {
    expect(laws[name]?.(tampered(tamper)).join('\n')).toContain(message);
  });

  function withLimits(drafted: RecordedFact): RecordedFact {
    const { plan } = drafted.data as Extract<WaveFact, { type: 'WaveDrafted' }>['data'];
    return changed(drafted, { plan: { ...plan, limits: { replicating: 1, cuttingOver: 1 } } });
  }
});
