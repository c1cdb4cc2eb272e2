import { describe, expect, it } from 'vitest';
import { canonicalJson } from './canonical-json.ts';
import { chained, chainStart, describeBrokenChain, hashOf, verifyChain } from './chain.ts';
import type { Position, ProposedFact, RecordedFact, Revision, StreamId } from './event-log.ts';
import type { FactId } from '#core/ids';
import type { Instant } from '#core/units';

const proposed = (id: string, data: object): ProposedFact => ({
  id: id as FactId,
  type: 'Noted',
  data,
  metadata: {
    time: 5 as Instant,
    actor: 'driver',
    correlationId: 'wave-1',
    schemaVersion: 2,
    model: { id: 'note', version: '1' },
  },
});

/** A stream of `length` facts, chained by hand. */
function chain(stream: StreamId, length: number): RecordedFact[] {
  const facts: RecordedFact[] = [];
  for (let i = 0, previousHash = chainStart; i < length; i += 1) {
    const { metadata, ...fact } = proposed(`${stream}-${i}`, { i });
    facts.push({
      ...fact,
      stream,
      revision: i as Revision,
      position: (10 * i) as Position,
      metadata: { ...metadata, previousHash },
    });
    previousHash = hashOf(facts[i] as RecordedFact);
  }
  return facts;
}

describe('hashOf', () => {
  it('does not depend on the position, nor on the order of keys', () => {
    const [fact] = chain('note-1', 1) as [RecordedFact];
    const { model, ...metadata } = fact.metadata;
    const same = { ...fact, position: 99 as Position, metadata: { model, ...metadata } };
    expect(hashOf(same)).toBe(hashOf(fact));
  });

  it.each([
    ['id', { id: 'other' as FactId }],
    ['stream', { stream: 'note-2' as StreamId }],
    ['revision', { revision: 1 as Revision }],
    ['type', { type: 'Other' }],
    ['data', { data: { i: 1 } }],
  ])('depends on the %s', (_, change) => {
    const [fact] = chain('note-1', 1) as [RecordedFact];
    expect(hashOf({ ...fact, ...change })).not.toBe(hashOf(fact));
  });

  it('depends on who, when and what came before', () => {
    const [fact] = chain('note-1', 1) as [RecordedFact];
    for (const change of [{ actor: 'x' }, { time: 6 as Instant }, { previousHash: 'f'.repeat(64) }])
      expect(hashOf({ ...fact, metadata: { ...fact.metadata, ...change } })).not.toBe(hashOf(fact));
  });
});

describe('chained', () => {
  it('gives the texts a store writes and the hash they have when they are read again', () => {
    const fact = proposed('a "quoted" id', { z: 1, a: 'é\u2028' });
    const { data, metadata, hash } = chained('note-ü', 3, fact, 'ab');
    expect([data, JSON.parse(metadata)]).toEqual([canonicalJson(fact.data), { ...fact.metadata, previousHash: 'ab' }]);
    const read = { ...fact, stream: 'note-ü', revision: 3, data: JSON.parse(data), metadata: JSON.parse(metadata) };
    expect(hashOf(read as unknown as RecordedFact)).toBe(hash);
  });
});

describe('chained metadata', () => {
  it.each([
    ['with all it may have', { commandId: 'c-1', causationId: 'f-1' }],
    ['with a part', { commandId: 'c-1' }],
    ['with what it may have left undefined', { commandId: undefined }],
    ['with more than this build knows', { zone: 'a', '0': [1] }],
    ['that needs escapes', { actor: 'operator:"Zoë"\n', correlationId: '\\' }],
  ])('%s is the canonical JSON of it', (_, more) => {
    const fact = proposed('f-2', {});
    const metadata = { ...fact.metadata, ...more } as ProposedFact['metadata'];
    expect(chained('note-1', 0, { ...fact, metadata }, chainStart).metadata).toBe(
      canonicalJson({ ...metadata, previousHash: chainStart }),
    );
  });
});

describe('verifyChain', () => {
  it('follows several streams at once and gives their heads', async () => {
    const [one, two] = [chain('note-1', 3), chain('note-2', 2)];
    const mixed = [one[0], two[0], one[1], one[2], two[1]] as RecordedFact[];
    expect(await verifyChain(mixed)).toEqual({
      ok: true,
      value: {
        facts: 5,
        heads: new Map([
          ['note-1', hashOf(one[2] as RecordedFact)],
          ['note-2', hashOf(two[1] as RecordedFact)],
        ]),
      },
    });
  });

  it('names the first fact that does not follow, wherever one was changed', async () => {
    for (let changed = 0; changed < 4; changed += 1) {
      const facts = chain('note-1', 5).map((fact, i) => (i === changed ? { ...fact, type: 'Changed' } : fact));
      const verified = await verifyChain(facts);
      expect(verified).toMatchObject({ ok: false, error: { type: 'LinkBroken', revision: changed + 1 } });
    }
  });

  it('sees a fact that was removed, doubled, moved, or cut off at the start', async () => {
    const [a, b, c] = chain('note-1', 3) as [RecordedFact, RecordedFact, RecordedFact];
    for (const facts of [
      [a, c],
      [a, b, b],
      [a, c, b],
      [b, c],
    ])
      expect(await verifyChain(facts)).toMatchObject({ ok: false, error: { type: 'RevisionMissing' } });
  });

  it('sees a first fact that claims to have had one before it', async () => {
    const [a] = chain('note-1', 1) as [RecordedFact];
    const forged = { ...a, metadata: { ...a.metadata, previousHash: 'f'.repeat(64) } };
    const verified = await verifyChain([forged]);
    expect(verified).toMatchObject({ ok: false, error: { type: 'LinkBroken', revision: 0, expected: chainStart } });
  });

  it('is told to a person in one sentence', async () => {
    const [a, b, c] = chain('note-1', 3) as [RecordedFact, RecordedFact, RecordedFact];
    const sentences = await Promise.all(
      [
        [a, c],
        [{ ...a, type: 'Changed' }, b],
      ].map(async (facts) => {
        const verified = await verifyChain(facts);
        return verified.ok ? '' : describeBrokenChain(verified.error);
      }),
    );
    expect(sentences[0]).toMatch(/^note-1 goes on with fact 2 where fact 1 should stand/);
    expect(sentences[1]).toMatch(/^fact 1 of note-1 does not follow from the one before it/);
  });
});
