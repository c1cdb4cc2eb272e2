import { describe, expect, it } from 'vitest';
import { instant, minutes } from '#core/units';
import { coarser, courseRecorder, phases } from './wave-course.ts';

const start = instant(5_000);
const at = (min: number) => instant(start + minutes(min));
const standing = (row: readonly number[] | undefined) =>
  Object.fromEntries(phases.map((phase, i) => [phase, row?.[i] ?? 0]).filter(([, count]) => count !== 0));

describe('the course of a wave', () => {
  it('tells of each moment what held at it', () => {
    const recorder = courseRecorder(start);
    recorder.enter();
    recorder.enter();
    recorder.move('preparing', 'syncing', at(1));
    recorder.move('syncing', 'moved', at(2.5));
    const { step, rows } = recorder.course();
    expect(step).toBe(minutes(1));
    expect(rows.map(standing)).toEqual([
      { preparing: 2 },
      { preparing: 1, syncing: 1 },
      { preparing: 1, syncing: 1 },
      { preparing: 1, moved: 1 },
    ]);
    expect(recorder.lastMoved).toBe(at(2.5));
  });

  it('stays small however long the wave is, and ends as it ended', () => {
    const recorder = courseRecorder(start);
    for (let n = 0; n < 50; n += 1) recorder.enter();
    for (let n = 0; n < 50; n += 1) recorder.move('preparing', n % 2 ? 'moved' : 'rolledBack', at(n * 200));
    const { step, rows } = recorder.course();
    expect(rows.length).toBeLessThanOrEqual(241);
    expect(step * (rows.length - 1)).toBeGreaterThanOrEqual(minutes(49 * 200));
    expect(standing(rows.at(-1))).toEqual({ moved: 25, rolledBack: 25 });
    // One more of them has left every 200 minutes.
    const left = rows.map((row) => 50 - (row[0] ?? 0));
    expect(left).toEqual(rows.map((_row, i) => Math.min(50, Math.floor((i * step) / minutes(200)) + 1)));
    for (const row of rows) expect(row.reduce((sum, n) => sum + n, 0)).toBe(50);
  });

  it('keeps its ending on a coarser grid', () => {
    expect(coarser([1, 2, 3, 4])).toEqual([1, 3, 4]);
    expect(coarser([1, 2, 3])).toEqual([1, 3]);
    expect(coarser([])).toEqual([]);
  });
});
