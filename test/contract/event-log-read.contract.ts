import { describe, expect, it } from 'vitest';
import { revision, type EventLog } from '#core/event-log/event-log';
import type { LogUnderTest } from '#test/event-log/log-under-test';
import { collect, newStream, notes, take, textOf } from '#test/event-log/notes';

/** What every EventLog promises of reads. */
export function readContract(on: LogUnderTest): void {
  describe('readStream', () => {
    it('yields nothing for a stream that does not exist', async () => {
      expect(await collect(on.log.readStream(on.stream))).toEqual([]);
      expect(await collect(on.log.readStream(on.stream, { backwards: true, limit: 1 }))).toEqual([]);
      expect(await collect(on.log.readStream(on.stream, { from: revision(3) }))).toEqual([]);
    });

    it('starts where it is told, goes either way and stops at its limit', async () => {
      const texts = ['0', '1', '2', '3', '4'];
      await on.append(on.stream, notes(...texts), 'none');
      for (const from of [undefined, 0, 2, 4, 5, 9])
        for (const limit of [undefined, 0, 1, 2, 99])
          for (const backwards of [false, true]) {
            const options = {
              backwards,
              ...(from === undefined ? {} : { from: revision(from) }),
              ...(limit === undefined ? {} : { limit }),
            };
            const found = (await collect(on.log.readStream(on.stream, options))).map(textOf);
            const wanted = backwards ? texts.slice(0, (from ?? 4) + 1).toReversed() : texts.slice(from ?? 0);
            expect({ options, found }).toEqual({ options, found: wanted.slice(0, limit ?? 99) });
          }
    });

    it('ends with what was there when it began', async () => {
      await on.append(on.stream, notes('a', 'b'), 'none');
      const seen: unknown[] = [];
      for await (const fact of on.log.readStream(on.stream)) {
        seen.push(textOf(fact));
        if (seen.length < 9) await on.append(on.stream, notes(`more ${seen.length}`), 'any');
      }
      expect(seen).toEqual(['a', 'b']);
    });
  });

  describe('readAll', () => {
    it('yields the facts of all streams in the order they were appended', async () => {
      const { position: after } = await on.here();
      const other = newStream(on.category);
      const third = newStream();
      const ends = [
        await on.append(on.stream, notes('a'), 'none'),
        await on.append(other, notes('b'), 'none'),
        await on.append(third, notes('c'), 'none'),
        await on.append(on.stream, notes('d'), revision(0)),
      ];
      const mine = new Set([on.stream, other, third]);
      const facts = (await collect(on.log.readAll({ after }))).filter((fact) => mine.has(fact.stream));
      expect(facts.map(textOf)).toEqual(['a', 'b', 'c', 'd']);
      expect(facts.map((fact) => fact.position)).toEqual(ends.map((end) => end.position));
      expect(ends.map((end) => end.position)).toEqual(ends.map((end) => end.position).toSorted((a, b) => a - b));
    });

    it('starts after a position, keeps to a category and stops at its limit', async () => {
      const { position: before } = await on.here();
      const first = await on.append(on.stream, notes('a', 'b', 'c'), 'none');
      await on.append(newStream(`${on.category}x`), notes('of a category with a longer name'), 'none');
      const last = await on.append(newStream(on.category), notes('d'), 'none');
      const texts = async (options: Parameters<EventLog['readAll']>[0]): Promise<unknown[]> =>
        (await collect(on.log.readAll({ category: on.category, ...options }))).map(textOf);
      expect(await texts({})).toEqual(['a', 'b', 'c', 'd']);
      expect(await texts({ after: before })).toEqual(['a', 'b', 'c', 'd']);
      expect(await texts({ after: first.position })).toEqual(['d']);
      expect(await texts({ after: last.position })).toEqual([]);
      expect(await texts({ limit: 2 })).toEqual(['a', 'b']);
      expect(await texts({ limit: 0 })).toEqual([]);
      expect(await texts({ category: `${on.category}-` })).toEqual([]);
    });

    it('yields each fact once over more than one page', async () => {
      const texts = Array.from({ length: 1_300 }, (_, i) => `n${i}`);
      for (let i = 0; i < texts.length; i += 325) await on.append(on.stream, notes(...texts.slice(i, i + 325)), 'any');
      expect((await collect(on.log.readAll({ category: on.category }))).map(textOf)).toEqual(texts);
      expect(await on.textsOf(on.stream)).toEqual(texts);
      const backwards = await collect(on.log.readStream(on.stream, { backwards: true }));
      expect(backwards.map(textOf)).toEqual(texts.toReversed());
      expect((await take(1_300, on.log.subscribe({ category: on.category }))).map(textOf)).toEqual(texts);
    });

    it('ends with what was there when it began', async () => {
      const { position: after } = await on.here();
      await on.append(on.stream, notes('a', 'b'), 'none');
      let seen = 0;
      for await (const fact of on.log.readAll({ after })) {
        if (fact.stream !== on.stream) continue;
        seen += 1;
        if (seen < 9) await on.append(on.stream, notes('more'), 'any');
      }
      expect(seen).toBe(2);
    });
  });
}
