import { describe, expect, it } from 'vitest';
import { instant } from '#core/units';
import { toldFailing, toldMoved, toldRolledBack, toldStart, type ToldFact } from '#test/support/told-migration';
import type { MigrationFact, MigrationFactOf } from './facts.ts';
import { consolesKept, foldNotes, isNoted, noNotes, type Notes } from './notes.ts';

function folded(facts: readonly ToldFact[], wanted: (fact: MigrationFact) => boolean = () => true): Notes {
  let at: number = toldStart;
  let notes = noNotes;
  for (const [wait, fact] of facts) {
    at += wait * 1_000;
    if (wanted(fact)) notes = foldNotes(notes, fact, instant(at));
  }
  return notes;
}
const upTo = (facts: readonly ToldFact[], type: MigrationFact['type']): readonly ToldFact[] =>
  facts.slice(0, facts.findIndex(([, fact]) => fact.type === type) + 1);
/** Facts from the last of a type on. */
const lastOf = (facts: readonly ToldFact[], type: MigrationFact['type']): number =>
  facts.findLastIndex(([, fact]) => fact.type === type);

describe('notes', () => {
  it('hold what the guest is and what was checked last', () => {
    const failed = folded(upTo(toldFailing, 'VerificationFailed'));
    expect(failed.verification?.passed).toBe(false);
    expect(failed.guest?.shape.hostname).toBe('web-01');
    const { verification } = folded(upTo(toldFailing, 'VerificationPassed'));
    expect(verification).toMatchObject({ passed: true, at: toldStart + 65_000 });
    expect(verification?.checks).toHaveLength(4);
  });

  it('tell a fix-up of a test from that of the target', () => {
    expect(folded(upTo(toldFailing, 'FixUpPlanned')).fixUp).toMatchObject({ step: 'launchTest', state: 'planned' });
    expect(folded(upTo(toldFailing, 'TestCleanedUp')).fixUp).toMatchObject({ step: 'launchTest', state: 'givenUp' });
    const planned = folded(toldFailing.slice(0, lastOf(toldFailing, 'FixUpPlanned') + 1)).fixUp;
    expect(planned).toMatchObject({ step: 'fixUpReplica', state: 'planned' });
    expect(planned?.findings).toHaveLength(1);
    const done = folded(upTo(toldFailing, 'ReplicaFixedUp')).fixUp;
    expect(done).toMatchObject({ step: 'fixUpReplica', state: 'done' });
    expect([done?.edits?.length, done?.findings.length]).toEqual([4, 2]);
    expect(folded(toldRolledBack).fixUp?.state).toBe('givenUp');
  });

  it('do not take the plan of a test for what was done to the target', () => {
    const failed: MigrationFact = { type: 'FixUpFailed', data: { reason: { type: 'NoRoom', detail: 'full' } } };
    const { fixUp } = folded([...upTo(toldFailing, 'TestCleanedUp'), [1, failed]]);
    expect(fixUp).toMatchObject({ step: null, edits: null, state: 'failed', reason: 'full' });
  });

  it('hold what the target was found to be, and who accepted it', () => {
    expect(folded(toldMoved).validation).toMatchObject({ passed: false, waived: null });
    const waived: MigrationFact = { type: 'ValidationWaived', data: { by: 'grace', reason: 'known' } };
    expect(folded([...toldMoved, [1, waived]]).validation?.waived).toEqual({ by: 'grace', reason: 'known' });
    expect(folded([[0, waived]]).validation).toBeNull();
  });

  it('hold the latest consoles, and not without end', () => {
    expect(folded(toldFailing).consoles.map(({ vm }) => vm)).toEqual(['web-01-test', 'web-01']);
    const said = (n: number): ToldFact => [
      1,
      { type: 'ConsoleCaptured', data: { vm: 'web-01', stage: 'target', text: `line ${n}` } },
    ];
    const many = folded(Array.from({ length: 50 }, (_, n) => said(n))).consoles;
    expect(many).toHaveLength(consolesKept);
    expect(many.at(-1)?.text).toBe('line 49');
  });

  it('copy no text of a fact', () => {
    const [, captured] = toldFailing.at(-1) ?? [];
    const text = (captured as MigrationFactOf<'ConsoleCaptured'>).data.text;
    expect(Object.is(folded(toldFailing).consoles.at(-1)?.text, text)).toBe(true);
  });

  it('are the same with and without the facts that are not noted', () => {
    for (const facts of [toldFailing, toldRolledBack, toldMoved])
      expect(folded(facts, ({ type }) => isNoted(type))).toEqual(folded(facts));
    expect(isNoted('RoundProgressed')).toBe(false);
    expect(isNoted('StepReported')).toBe(true);
  });

  it('leave what was told before as it was', () => {
    const before = folded(toldFailing);
    const copy = structuredClone(before);
    for (const [, fact] of toldMoved) foldNotes(before, fact, toldStart);
    expect(before).toEqual(copy);
  });
});
