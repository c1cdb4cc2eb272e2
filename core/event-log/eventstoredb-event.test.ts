import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogReadError } from './event-log.ts';
import { eventIdOf, factOf, positionOf } from './eventstoredb-event.ts';

describe('eventIdOf', () => {
  it('keeps a UUID in small letters, which is what the server gives back', () =>
    expect(eventIdOf('6f1c9a52-8c9e-4c9d-9a54-2f5f7c1d0b11')).toBe('6f1c9a52-8c9e-4c9d-9a54-2f5f7c1d0b11'));

  it('makes the same UUID of the same name, and another of another', () => {
    const [one, two] = [eventIdOf('fact-1'), eventIdOf('fact-2')];
    expect(one).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(eventIdOf('fact-1')).toBe(one);
    expect(two).not.toBe(one);
  });

  it('gives the server nothing but UUIDs', () =>
    fc.assert(
      fc.property(fc.string(), (name) => {
        expect(eventIdOf(name)).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      }),
    ));
});

describe('positionOf', () => {
  it('refuses what servers before 22.6 say when a stream is read', () => {
    for (const unknown of [undefined, 18_446_744_073_709_551_615n])
      expect(() => positionOf(unknown, 'esdb://host')).toThrow(LogReadError);
    expect(positionOf(43_033n, 'esdb://host')).toBe(43_033);
  });
});

describe('factOf', () => {
  it('takes no event of another application for a fact', () => {
    const event = { id: 'x', streamId: 'a-1', revision: 0n, type: 'T', position: { commit: 1n } };
    for (const foreign of [
      { data: {}, metadata: undefined },
      { data: {}, metadata: new Uint8Array(3) },
      { data: {}, metadata: { previousHash: 7 } },
      { data: 'text', metadata: { previousHash: 'abc' } },
      { data: null, metadata: { previousHash: 'abc' } },
    ])
      expect(factOf({ ...event, ...foreign }, 'esdb://host')).toBeUndefined();
  });
});
