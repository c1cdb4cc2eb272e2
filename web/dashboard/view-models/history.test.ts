import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RecordedFact } from '#core/event-log/event-log';
import { fleetFold } from '#core/fleet/fleet-view';
import { foldNotes, noNotes } from '#core/migration/notes';
import { everyTemper, smallFleet } from '#test/support/small-fleet';
import { History } from './history.ts';
import { migrationRow, waveRow } from './row.ts';

const facts: RecordedFact[] = [];
let history: History;
beforeAll(async () => {
  const fleet = await smallFleet({ tempers: everyTemper });
  await fleet.advance(100);
  await fleet.stop();
  for await (const fact of fleet.log.readAll()) facts.push(fact);
  history = new History();
  history.append(facts);
});

const anyIndex = () => fc.integer({ min: 0, max: facts.length - 1 });

describe('a history', () => {
  it('shows at any moment what folding up to it would, for lists and for one', () => {
    fc.assert(
      fc.property(anyIndex(), (index) => {
        const fleet = fleetFold();
        for (const fact of facts.slice(0, index + 1)) fleet.add(fact);
        expect(history.rowsAt(index)).toEqual([...fleet.migrations.values()].map(migrationRow));
        expect(history.waveRowsAt(index)).toEqual([...fleet.waves.values()].map(waveRow));
        for (const [id, view] of fleet.migrations) {
          const shown = history.migrationAt(id, index);
          expect(shown?.progress).toEqual(view.progress);
          expect(shown?.state.work).toEqual(view.state.work);
          expect(shown?.facts).toBe(view.facts);
        }
      }),
      { numRuns: 12 },
    );
  });

  it('gives the same answer whichever way the moment was reached', () => {
    const id = 'vm-05';
    fc.assert(
      fc.property(fc.array(anyIndex(), { minLength: 2, maxLength: 12 }), (walk) => {
        const walked = new History();
        walked.append(facts);
        for (const index of walk) walked.migrationAt(id, index);
        const last = walk.at(-1) ?? 0;
        const fresh = new History();
        fresh.append(facts.slice(0, last + 1));
        expect(walked.migrationAt(id, last)?.progress).toEqual(fresh.migrationAt(id, last)?.progress);
      }),
      { numRuns: 6 },
    );
  });

  it('tells at any moment what notes folded up to it would, whichever way it was reached', () => {
    const ids = [...history.migrations.keys()];
    const walk = fc.array(fc.record({ id: fc.constantFrom(...ids), index: anyIndex() }), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(walk, (moments) => {
        for (const { id, index } of moments) {
          const expected = facts
            .slice(0, index + 1)
            .filter(({ stream }) => stream === `migration-${id}`)
            .reduce((notes, fact) => foldNotes(notes, fact as never, fact.metadata.time), noNotes);
          expect(history.notesAt(id, index)).toEqual(expected);
        }
      }),
      { numRuns: 30 },
    );
    expect(history.notesAt('nobody', history.lastIndex)).toBe(noNotes);
  });

  it('notes what comes later, and answers the same where nothing did', () => {
    const growing = new History();
    const half = Math.floor(facts.length / 2);
    growing.append(facts.slice(0, half));
    const before = growing.notesAt('vm-01', growing.lastIndex);
    expect(growing.notesAt('vm-01', growing.lastIndex)).toBe(before);
    growing.append(facts.slice(half));
    expect(growing.notesAt('vm-01', growing.lastIndex)).toEqual(history.notesAt('vm-01', history.lastIndex));
    expect(growing.notesAt('vm-01', half - 1)).toEqual(before);
  });

  it('takes each fact once, however often and in whatever pieces it comes', () => {
    const again = new History();
    again.append(facts.slice(0, 100));
    expect(again.append(facts.slice(50, 120))).toBe(20);
    expect(again.append(facts.slice(0, 120))).toBe(0);
    expect(again.count).toBe(120);
    expect(again.head).toBe(facts[119]?.position);
  });

  it('finds the last fact that had happened at a time, and before the first none', () => {
    const from = history.span?.from ?? 0;
    expect(history.indexAtTime(from - 1)).toBe(-1);
    fc.assert(
      fc.property(anyIndex(), (index) => {
        const time = history.timeAt(index) ?? 0;
        const found = history.indexAtTime(time);
        expect(found).toBeGreaterThanOrEqual(index);
        expect(history.timeAt(found)).toBe(time);
      }),
    );
  });

  it('finds a position between two others', () => {
    const gappy = new History();
    gappy.append(
      facts.slice(0, 4).map((fact, n) => ({ ...fact, position: (10 * (n + 1)) as RecordedFact['position'] })),
    );
    expect([9, 10, 15, 20, 45].map((position) => gappy.indexAtPosition(position))).toEqual([-1, 0, 0, 1, 3]);
  });

  it('goes by the latest time so far where a clock stepped back', () => {
    const [first, second] = facts;
    if (!first || !second) throw new Error('there are facts');
    const back = {
      ...second,
      metadata: { ...second.metadata, time: (first.metadata.time - 60_000) as typeof first.metadata.time },
    };
    const stepped = new History();
    stepped.append([first, back]);
    expect(stepped.timeAt(1)).toBe(first.metadata.time);
    expect(stepped.indexAtTime(first.metadata.time)).toBe(1);
  });

  it('marks what matters and leaves bookkeeping out', () => {
    const severities = new Set(history.marks.map(({ severity }) => severity));
    expect(severities).toEqual(new Set(['step', 'success', 'warning', 'failure']));
    expect(history.marks.length).toBeLessThan(facts.length / 2);
    expect(history.marks.every(({ index }) => history.fact(index).type !== 'RoundProgressed')).toBe(true);
  });

  it('is empty before its first fact', () => {
    const empty = new History();
    expect([empty.count, empty.lastIndex, empty.head, empty.span, empty.timeAt(0)]).toEqual([0, -1, 0, null, null]);
    expect(empty.rowsAt(-1)).toEqual([]);
  });
});
