import { describe, expect, it } from 'vitest';
import { verifyChain } from '#core/event-log/chain';
import { revision, type ProposedFact } from '#core/event-log/event-log';
import { factId } from '#core/ids';
import type { Bytes } from '#core/units';
import type { LogUnderTest } from '#test/event-log/log-under-test';
import { collect, note, notes } from '#test/event-log/notes';

/** What every EventLog promises of the facts it keeps. */
export function factsContract(on: LogUnderTest, largeFact: Bytes): void {
  describe('facts', () => {
    it('come back as they were given', async () => {
      const given: ProposedFact = {
        ...note('é \u{1f680} \u202e \u2028 \u0000 " \\ \ud800'),
        data: {
          text: 'é \u{1f680} \u202e \u2028 \u0000 " \\ \ud800',
          'ключ \u{1f511}': [null, true, false, '', {}, [], { deep: [[[{ er: 0 }]]] }],
          numbers: [0, -1, 1.5, Number.MAX_SAFE_INTEGER, Number.MIN_VALUE, Number.MAX_VALUE, 1e21],
          10: 'ten',
          2: 'two',
        },
        metadata: {
          ...note('').metadata,
          actor: 'operator:Zoë \u{1f469}‍\u{1f680}',
          commandId: 'c-1' as NonNullable<ProposedFact['metadata']['commandId']>,
          causationId: factId('f-1'),
        },
      };
      const { position: at } = await on.append(on.stream, [given], 'none');
      const [fact] = await collect(on.log.readStream(on.stream));
      expect(fact).toEqual({
        ...given,
        stream: on.stream,
        revision: 0,
        position: at,
        metadata: { ...given.metadata, previousHash: '0'.repeat(64) },
      });
      expect(await collect(on.log.readAll({ category: on.category }))).toEqual([fact]);
      expect(JSON.parse(JSON.stringify(fact))).toEqual(fact);
    });

    it('may be large', async () => {
      const text = 'ä€\u{1f4be}x'.repeat(Math.floor(largeFact / 10));
      await on.append(on.stream, [note(text)], 'none');
      await on.append(on.stream, [note('after')], revision(0));
      expect(await on.textsOf(on.stream)).toEqual([text, 'after']);
    });

    it('may have any name for an id', async () => {
      const odd = { ...note('odd'), id: factId('Fact_1.odd') };
      const upper = { ...note('upper'), id: factId('0A1B2C3D-0000-4000-8000-00000000000F') };
      await on.append(on.stream, [odd, upper], 'none');
      expect((await collect(on.log.readStream(on.stream))).map(({ id }) => id)).toEqual([odd.id, upper.id]);
      expect((await on.append(on.stream, [odd, upper], 'none')).revision).toBe(1);
    });

    it('are chained by hashes that do not depend on the store', async () => {
      const fixed = (i: number): ProposedFact => {
        const written = note(`n${i}`, { z: i, a: [i] });
        // What was hashed once is hashed so for ever: of the first schema version, whatever the newest is.
        return { ...written, id: factId(`fact-${i}`), metadata: { ...written.metadata, schemaVersion: 1 } };
      };
      // A log may hold this very stream from an earlier run: then the appends are repeats, and the hashes the same.
      await on.append('note-fixed', [fixed(0), fixed(1)], 'none');
      await on.append('note-fixed', [fixed(2)], revision(1));
      const facts = await collect(on.log.readStream('note-fixed'));
      expect(facts.map(({ metadata }) => metadata.previousHash)).toEqual([
        '0'.repeat(64),
        'ed17bd2943073fb9e8f66509f4a5c60ea75cc30debd1ce8f28f3e16714790d6e',
        '0db31fc4f86a15ef9de17d6ab156688e3b11221b29d0cee4a04599614cac6757',
      ]);
    });

    it('are chained anew where they were recorded in another log', async () => {
      const recorded = notes('a', 'b').map((fact) => ({
        ...fact,
        metadata: { ...fact.metadata, previousHash: 'f'.repeat(64) },
      }));
      await on.append(on.stream, recorded, 'none');
      const facts = await collect(on.log.readStream(on.stream, { asStored: true }));
      expect(facts[0]?.metadata.previousHash).toBe('0'.repeat(64));
      expect(await verifyChain(facts)).toMatchObject({ ok: true, value: { facts: 2 } });
    });

    it('have a chain that holds, and that shows a change', async () => {
      for (let i = 0; i < 5; i += 1) await on.append(on.stream, notes(`a${i}`, `b${i}`), 'any');
      const facts = await collect(on.log.readStream(on.stream, { asStored: true }));
      expect(await verifyChain(facts)).toMatchObject({ ok: true, value: { facts: 10 } });
      const changed = facts.map((fact) => (fact.revision === 4 ? { ...fact, data: { text: 'changed' } } : fact));
      expect(await verifyChain(changed)).toMatchObject({ ok: false, error: { type: 'LinkBroken', revision: 5 } });
      expect(await verifyChain(facts.filter((fact) => fact.revision !== 4))).toMatchObject({
        ok: false,
        error: { type: 'RevisionMissing', revision: 5, expected: 4 },
      });
    });
  });
}
