import { describe, expect, it } from 'vitest';
import type { RecordedFact } from './event-log.ts';
import { schemaVersion, upcast, upcastBy, type UpcastStep } from './upcast.ts';

// What steps look like once there are some: version 2 renamed a fact's member, version 3 gave another a default.
const renamed: UpcastStep = (fact) => {
  if (fact.type !== 'RoundCompleted') return fact;
  const { sent, ...rest } = fact.data as { readonly sent: number };
  return { ...fact, data: { ...rest, bytesSent: sent } };
};
const defaulted: UpcastStep = (fact) =>
  fact.type === 'RoundCompleted' ? { ...fact, data: { retries: 0, ...fact.data } } : fact;
const toThree = upcastBy([renamed, defaulted]);

const stored = (version: unknown, data: object): RecordedFact =>
  ({
    id: 'f-1',
    stream: 'migration-web01',
    revision: 4,
    position: 9,
    type: 'RoundCompleted',
    data,
    metadata: { schemaVersion: version, previousHash: 'abc' },
  }) as unknown as RecordedFact;

describe('upcast', () => {
  it('brings an old fact through every step to the newest shapes', () =>
    expect(toThree(stored(1, { sent: 7 }), 'a.db')).toEqual({
      ok: true,
      value: stored(3, { retries: 0, bytesSent: 7 }),
    }));

  it('starts with the step the fact has not had yet', () =>
    expect(toThree(stored(2, { bytesSent: 7 }), 'a.db')).toEqual({
      ok: true,
      value: stored(3, { retries: 0, bytesSent: 7 }),
    }));

  it('leaves the stored fact as it is', () => {
    const old = stored(1, Object.freeze({ sent: 7 }));
    toThree(Object.freeze(old), 'a.db');
    expect(old).toEqual(stored(1, { sent: 7 }));
  });

  it('gives a fact of this version back as the same object', () => {
    const fact = stored(schemaVersion, {});
    expect(upcast(fact, 'a.db')).toEqual({ ok: true, value: fact });
    expect(Object.is((upcast(fact, 'a.db') as { value?: unknown }).value, fact)).toBe(true);
  });

  it('refuses a fact of a newer version and names both', () =>
    expect(toThree(stored(4, {}), 'a.db')).toEqual({
      ok: false,
      error: { type: 'LogTooNew', where: 'a.db', schemaVersion: 4, supported: 3 },
    }));

  it('calls a fact without a proper version damaged', () => {
    for (const version of [0, -1, 1.5, '1', undefined])
      expect(toThree(stored(version, {}), 'a.db')).toMatchObject({ ok: false, error: { type: 'LogCorrupt' } });
  });
});
