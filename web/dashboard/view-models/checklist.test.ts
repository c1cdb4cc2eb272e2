import { describe, expect, it } from 'vitest';
import type { Effect } from '#core/migration/effects';
import { foldMigration, type Work } from '#core/migration/evolve';
import { foldNotes, noNotes } from '#core/migration/notes';
import { instant } from '#core/units';
import { toldFailing, toldMoved, toldStart, type ToldFact } from '#test/support/told-migration';
import { checklistView, type ChecklistView } from './checklist.ts';

/** What is shown so many seconds after the last of these facts. */
function shown(facts: readonly ToldFact[], later = 0): ChecklistView {
  let time: number = toldStart;
  const timed = facts.map(([wait, fact]) => {
    time += wait * 1_000;
    return { fact, place: { stream: 'migration-web-01', time: instant(time) } };
  });
  const { checklist } = timed.reduce((notes, { fact, place }) => foldNotes(notes, fact, place.time), noNotes);
  const { work, snapshot } = foldMigration(timed);
  const now = instant(time + later * 1_000);
  return checklistView(checklist, { work, attempts: snapshot.context.attempts }, { start: toldStart, now });
}

const timer = (name: 'retry' | 'quiesce', wait: number): Work => ({
  key: 'k',
  effect: { type: 'armTimer', params: { timer: name, wait } } as Effect,
  standing: 'due',
  since: toldStart,
});
const none = { work: [], attempts: 0 };
const standing = { start: toldStart, now: instant(toldStart + 4_000) };

describe('the checklist of a step', () => {
  it('says how long an item has been tried, how often, and when it is tried again, at the moment shown', () => {
    const item = (later: number) => shown(toldFailing, later).current?.items[0];
    expect(item(0)).toMatchObject({
      title: 'Boot web-01 on pvscsi and vmxnet3',
      state: 'retrying',
      attempt: 'attempt 2',
      next: 'tried again in 4 m 40 s',
    });
    expect(item(100)?.next).toBe('tried again in 3 m 00 s');
    expect(item(1_000)?.next).toBe('tried again now');
  });

  it('has the steps before it, the latest first, with what became of them', () => {
    const { current, earlier } = shown(toldFailing, 10);
    expect(current).toMatchObject({ name: 'Launch the target', words: 'goes on for 30.0 s', offset: '+00:05:00' });
    expect(earlier.map(({ name, words }) => [name, words]).slice(0, 4)).toEqual([
      ['Fix up the replica', 'done in 16.0 s'],
      ['Fence the source', 'done in 4.0 s'],
      ['Run the final sync', 'done in 3.0 s'],
      ['Quiesce the source', 'done in 6.0 s'],
    ]);
    expect(earlier.at(-1)).toMatchObject({
      name: 'Verify the source',
      state: 'failed',
      detail: '1 of 5 checks failed',
    });
    expect(earlier.at(-2)).toMatchObject({ name: 'Verify the source', state: 'done', again: 'run 2' });
  });

  it('shows a step that the world was asked for before any fact tells of it', () => {
    const verifying = toldMoved.slice(0, 2);
    expect(shown(verifying).current).toMatchObject({ name: 'Verify the source', state: 'running' });
    const work: Work = { key: 'k', effect: { type: 'validateTarget', params: {} }, standing: 'due', since: toldStart };
    expect(checklistView([], { work: [work], attempts: 0 }, standing).current).toMatchObject({
      name: 'Validate the target',
      words: 'goes on for 4.0 s',
      items: [],
    });
  });

  it('leaves unfinished what was still going on when its step ended', () => {
    const failed: ToldFact = [40, { type: 'LaunchFailed', data: { reason: { type: 'A', detail: 'gone' } } }];
    const { current, earlier } = shown([...toldFailing, failed]);
    const [first] = earlier[0]?.items ?? [];
    expect(first).toMatchObject({ state: 'unfinished', words: 'not finished', next: '' });
    // The chart asks for it next, and no fact tells of that yet.
    expect(current).toMatchObject({ name: 'Roll back to the source', state: 'running' });
  });

  it('says what is waited for, and which attempt that will be', () => {
    const waits = (work: Work, attempts: number) => checklistView([], { work: [work], attempts }, standing).waits;
    expect(waits(timer('retry', 16_000), 3)).toEqual([
      { timer: 'retry', title: 'Replication is tried again', left: 'in 12.0 s', detail: 'attempt 4' },
    ]);
    expect(waits(timer('retry', 1_000), 3)[0]?.left).toBe('now');
    expect(waits(timer('quiesce', 9_000), 3)[0]).toMatchObject({ left: 'in 5.0 s', detail: '' });
  });

  it('is empty before the first step, and knows no rounds', () => {
    expect(checklistView([], none, standing)).toEqual({ current: null, earlier: [], waits: [] });
    const round = { type: 'runDeltaSync', params: { round: 1, dirty: 0 } } as Effect;
    const work: Work = { key: 'k', effect: round, standing: 'due', since: toldStart };
    expect(checklistView([], { work: [work], attempts: 0 }, standing).current).toBeNull();
  });

  it('shows no terminal sequence of a guest', () => {
    const nasty: ToldFact = [
      1,
      {
        type: 'StepReported',
        data: {
          ...{ step: 'launchTarget', item: 'x', title: '\u001B[31mred', state: 'failed', detail: 'a\u001B]0;t\u0007b' },
          ...{ attempt: 1, nextAttempt: null },
        },
      },
    ];
    expect(shown([...toldFailing, nasty]).current?.items.at(-1)).toMatchObject({ title: 'red', detail: 'ab' });
  });
});
