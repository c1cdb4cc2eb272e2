import { describe, expect, it } from 'vitest';
import type { Position, RecordedFact, Revision } from '#core/event-log/event-log';
import { factId } from '#core/ids';
import { instant } from '#core/units';
import { History } from './history.ts';
import { momentOf, standAt, standAtTime, stepFrom, type Motion } from './moment.ts';

const fact = (n: number, second: number): RecordedFact => ({
  id: factId(`f-${n}`),
  stream: 'note-1',
  revision: n as Revision,
  position: (n + 1) as Position,
  type: 'Noted',
  data: {},
  metadata: {
    time: instant(second * 1000),
    actor: 'world',
    correlationId: 'c',
    schemaVersion: 2,
    model: { id: 'm', version: '1' },
    previousHash: '',
  },
});

/** Facts at seconds 100, 110, 110, 130 and 200. */
const history = new History();
history.append([100, 110, 110, 130, 200].map((second, n) => fact(n, second)));
const at = (motion: Motion, now: number | null = null, wall = 0) =>
  momentOf(motion, history, now === null ? null : instant(now * 1000), wall);

describe('a moment', () => {
  it('that follows shows the newest fact at the present of the run', () => {
    expect(at({ type: 'following' }, 250)).toEqual({ index: 4, time: 250_000, follows: true });
    expect(at({ type: 'following' })).toEqual({ index: 4, time: 200_000, follows: true });
  });

  it('is never before the newest fact, though a clock may be', () =>
    expect(at({ type: 'following' }, 150)?.time).toBe(200_000));

  it('goes on with the wall while it plays, and follows once it has come to the end', () => {
    const playing: Motion = { type: 'playing', time: instant(100_000), wall: 5_000, speed: 10 };
    expect(at(playing, null, 5_000)).toMatchObject({ index: 0, time: 100_000, follows: false });
    expect(at(playing, null, 6_000)).toMatchObject({ index: 2, time: 110_000 });
    expect(at(playing, null, 14_999)).toMatchObject({ index: 3, follows: false });
    expect(at(playing, null, 15_000)).toMatchObject({ index: 4, follows: true });
  });

  it('is bounded by the first and the last fact', () => {
    expect(standAt(history, -7)).toEqual({ type: 'standing', index: 0, time: 100_000 });
    expect(standAt(history, 99)).toMatchObject({ index: 4 });
    expect(standAtTime(history, 0)).toMatchObject({ index: 0, time: 100_000 });
    expect(standAtTime(history, 150_000)).toMatchObject({ index: 3, time: 150_000 });
  });

  it('is none while there is no fact', () =>
    expect(momentOf({ type: 'following' }, new History(), null, 0)).toBeNull());
});

describe('a step', () => {
  it('goes from fact to fact, and stops at either end', () => {
    expect(stepFrom(history, 2, 1, null)).toBe(3);
    expect(stepFrom(history, 2, -10, null)).toBe(0);
    expect(stepFrom(history, 2, 10, null)).toBe(4);
  });

  it('goes along the facts of the page that is open', () => {
    const scope = [0, 3];
    expect(stepFrom(history, 0, 1, scope)).toBe(3);
    expect(stepFrom(history, 3, -1, scope)).toBe(0);
  });

  it('from between two of them goes to the one before, or the one after', () => {
    const scope = [0, 3];
    expect(stepFrom(history, 2, -1, scope)).toBe(0);
    expect(stepFrom(history, 2, 1, scope)).toBe(3);
    expect(stepFrom(history, 4, 1, scope)).toBe(3);
  });
});
