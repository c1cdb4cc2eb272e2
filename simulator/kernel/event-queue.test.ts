import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instant } from '#core/units';
import { eventQueue } from './event-queue.ts';

describe('the event queue', () => {
  it('gives events in order of moment, and of asking within one moment, without those called off', () =>
    fc.assert(
      fc.property(fc.array(fc.record({ at: fc.nat(20), off: fc.boolean() })), (asked) => {
        const queue = eventQueue();
        const happened: number[] = [];
        const scheduled = asked.map(({ at }, i) => queue.add(instant(at), () => happened.push(i)));
        asked.forEach(({ off }, i) => off && scheduled[i]?.cancel());
        for (let event = queue.take(); event; event = queue.take()) event.act();
        const expected = asked
          .map(({ at, off }, i) => ({ at, off, i }))
          .filter(({ off }) => !off)
          .toSorted((a, b) => a.at - b.at || a.i - b.i);
        expect(happened).toEqual(expected.map(({ i }) => i));
      }),
    ));

  it('takes new events for the moment that is being taken', () => {
    const queue = eventQueue();
    const happened: string[] = [];
    queue.add(instant(5), () => {
      happened.push('a');
      queue.add(instant(5), () => happened.push('c'));
    });
    queue.add(instant(5), () => happened.push('b'));
    for (let event = queue.take(); event; event = queue.take()) event.act();
    expect(happened).toEqual(['a', 'b', 'c']);
    expect(queue.next()).toBeUndefined();
  });
});
