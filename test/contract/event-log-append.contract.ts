import { describe, expect, it } from 'vitest';
import { verifyChain } from '#core/event-log/chain';
import { revision } from '#core/event-log/event-log';
import { InvariantError } from '#core/invariant';
import type { LogUnderTest } from '#test/event-log/log-under-test';
import { collect, note, notes } from '#test/event-log/notes';

/** What every EventLog promises of appends. */
export function appendContract(on: LogUnderTest): void {
  describe('append', () => {
    it('numbers the facts of a stream from 0 and says where the last one stands', async () => {
      const first = await on.append(on.stream, notes('a', 'b'), 'none');
      const second = await on.append(on.stream, notes('c'), first.revision);
      expect([first.revision, second.revision]).toEqual([1, 2]);
      const facts = await collect(on.log.readStream(on.stream));
      expect(facts.map((fact) => fact.revision)).toEqual([0, 1, 2]);
      expect(facts[1]?.position).toBe(first.position);
      expect(facts[2]?.position).toBe(second.position);
      expect(first.position).toBeGreaterThan(0);
    });

    it('refuses a stale revision and says the real one', async () => {
      await on.append(on.stream, notes('a', 'b', 'c'), 'none');
      expect(await on.log.append(on.stream, notes('d'), revision(1))).toEqual({
        ok: false,
        error: { type: 'RevisionConflict', stream: on.stream, expected: 1, actual: 2 },
      });
    });

    it('refuses a revision the stream has not reached', async () => {
      await on.append(on.stream, notes('a'), 'none');
      const refused = await on.log.append(on.stream, notes('b'), revision(5));
      expect(refused).toMatchObject({ ok: false, error: { type: 'RevisionConflict', expected: 5, actual: 0 } });
    });

    it('refuses to start a stream that exists, and to go on with one that does not', async () => {
      expect(await on.log.append(on.stream, notes('a'), revision(0))).toEqual({
        ok: false,
        error: { type: 'RevisionConflict', stream: on.stream, expected: 0, actual: 'none' },
      });
      await on.append(on.stream, notes('a'), 'none');
      const again = await on.log.append(on.stream, notes('b'), 'none');
      expect(again).toMatchObject({ ok: false, error: { type: 'RevisionConflict', expected: 'none', actual: 0 } });
    });

    it('adds to whatever is there when any revision will do', async () => {
      expect((await on.append(on.stream, notes('a'), 'any')).revision).toBe(0);
      expect((await on.append(on.stream, notes('b', 'c'), 'any')).revision).toBe(2);
      expect(await on.textsOf(on.stream)).toEqual(['a', 'b', 'c']);
    });

    it('adds all facts of a batch or none', async () => {
      await on.append(on.stream, notes('a'), 'none');
      await Promise.all([
        on.log.append(on.stream, notes('b1', 'b2', 'b3'), 'none'),
        on.log.append(on.stream, notes('c1', 'c2'), revision(7)),
      ]);
      expect(await on.textsOf(on.stream)).toEqual(['a']);
      const many = notes(...Array.from({ length: 300 }, (_, i) => `d${i}`));
      expect((await on.append(on.stream, many, revision(0))).revision).toBe(300);
      expect(await on.textsOf(on.stream)).toEqual(['a', ...many.map(({ data }) => (data as { text: string }).text)]);
    });

    it('lets exactly one of several writers of one stream win', async () => {
      await on.append(on.stream, notes('start'), 'none');
      const results = await Promise.all(
        ['a', 'b', 'c', 'd', 'e'].map((text) => on.log.append(on.stream, notes(text, text), revision(0))),
      );
      const [winner] = results.flatMap((result, i) => (result.ok ? ['abcde'.charAt(i)] : []));
      expect(results.filter(({ ok }) => ok)).toHaveLength(1);
      expect(results.filter(({ ok }) => !ok)).toEqual(
        Array(4).fill({
          ok: false,
          error: { type: 'RevisionConflict', stream: on.stream, expected: 0, actual: 2 },
        }),
      );
      expect(await on.textsOf(on.stream)).toEqual(['start', winner, winner]);
    });

    it('takes every append of many writers that expect any revision', async () => {
      const texts = Array.from({ length: 20 }, (_, i) => `n${i}`);
      await Promise.all(texts.map((text) => on.append(on.stream, notes(text), 'any')));
      expect(new Set(await on.textsOf(on.stream))).toEqual(new Set(texts));
      expect(await on.textsOf(on.stream)).toHaveLength(texts.length);
      expect(await verifyChain(on.log.readStream(on.stream))).toMatchObject({ ok: true });
    });

    it('refuses what no correct program appends', async () => {
      const twice = note('twice');
      const future = { ...twice, metadata: { ...twice.metadata, schemaVersion: 999 } };
      for (const facts of [[], [twice, twice], [future]])
        await expect((async () => on.log.append(on.stream, facts, 'none'))()).rejects.toThrow(InvariantError);
      expect(await on.textsOf(on.stream)).toEqual([]);
    });
  });

  describe('append of what was appended before', () => {
    it('answers as the first time did and adds nothing', async () => {
      const first = notes('a', 'b');
      const second = notes('c', 'd');
      const one = await on.append(on.stream, first, 'none');
      const two = await on.append(on.stream, second, one.revision);
      expect(await on.append(on.stream, first, 'none')).toEqual(one);
      expect(await on.append(on.stream, second, one.revision)).toEqual(two);
      await on.append(on.stream, notes('e'), two.revision);
      expect(await on.append(on.stream, second, one.revision)).toEqual(two);
      expect(await on.textsOf(on.stream)).toEqual(['a', 'b', 'c', 'd', 'e']);
    });

    it('finds the batch when any revision will do, although others wrote since', async () => {
      const batch = notes('a', 'b');
      const first = await on.append(on.stream, batch, 'any');
      await on.append(on.stream, notes('c'), 'any');
      expect(await on.append(on.stream, batch, 'any')).toEqual(first);
      expect(await on.textsOf(on.stream)).toEqual(['a', 'b', 'c']);
    });

    it('refuses a batch of which only a part stands there', async () => {
      const [a, b] = [note('a'), note('b')];
      await on.append(on.stream, [a, b], 'none');
      for (const batch of [[a, b, note('c')], [a, note('x')], [b]])
        expect(await on.log.append(on.stream, batch, 'none')).toMatchObject({
          ok: false,
          error: { type: 'RevisionConflict', expected: 'none', actual: 1 },
        });
      expect(await on.textsOf(on.stream)).toEqual(['a', 'b']);
    });
  });
}
