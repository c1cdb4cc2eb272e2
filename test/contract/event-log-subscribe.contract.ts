import { describe, expect, it } from 'vitest';
import { LogReadError } from '#core/event-log/event-log';
import type { LogUnderTest } from '#test/event-log/log-under-test';
import { collect, newStream, notes, take, textOf } from '#test/event-log/notes';

/** What every EventLog promises of subscriptions, and of its end. */
export function subscribeContract(on: LogUnderTest): void {
  describe('subscribe', () => {
    it('yields what is there and then what comes, each once and in order', async () => {
      const streams = Array.from({ length: 5 }, () => newStream(on.category));
      const write = (from: number, count: number): Promise<unknown> =>
        Promise.all(
          streams.map(async (to) => {
            for (let i = from; i < from + count; i += 1) await on.append(to, notes(`${i}.1`, `${i}.2`), 'any');
          }),
        );
      await write(0, 4);
      const subscription = on.log.subscribe({ category: on.category })[Symbol.asyncIterator]();
      const seen = [(await subscription.next()).value];
      const writing = write(4, 8);
      while (seen.length < 5 * 12 * 2) seen.push((await subscription.next()).value);
      await writing;
      await subscription.return?.();
      expect(seen).toEqual(await collect(on.log.readAll({ category: on.category })));
    });

    it('yields a fact that is appended while it waits', async () => {
      const { position: after } = await on.here();
      const subscription = on.log.subscribe({ after, category: on.category })[Symbol.asyncIterator]();
      for (const text of ['a', 'b', 'c']) {
        const next = subscription.next();
        await on.append(on.stream, notes(text), 'any');
        expect(textOf((await next).value)).toBe(text);
      }
      await subscription.return?.();
    });

    it('starts after a position', async () => {
      await on.append(on.stream, notes('a'), 'none');
      const { position: after } = await on.append(on.stream, notes('b'), 'any');
      await on.append(on.stream, notes('c', 'd'), 'any');
      expect((await take(2, on.log.subscribe({ after, category: on.category }))).map(textOf)).toEqual(['c', 'd']);
    });

    it('may cover all categories', async () => {
      const { position: after } = await on.here();
      const other = newStream();
      const mine = (async () => {
        const seen: unknown[] = [];
        for await (const fact of on.log.subscribe({ after })) {
          if (fact.stream === on.stream || fact.stream === other) seen.push(textOf(fact));
          if (seen.length === 3) break;
        }
        return seen;
      })();
      await on.append(on.stream, notes('a'), 'none');
      await on.append(other, notes('b'), 'none');
      await on.append(on.stream, notes('c'), 'any');
      expect(await mine).toEqual(['a', 'b', 'c']);
    });

    it('serves several subscribers, each at its own pace', async () => {
      const slow = on.log.subscribe({ category: on.category })[Symbol.asyncIterator]();
      const quick = take(4, on.log.subscribe({ category: on.category }));
      await on.append(on.stream, notes('a', 'b'), 'none');
      expect(textOf((await slow.next()).value)).toBe('a');
      await on.append(on.stream, notes('c', 'd'), 'any');
      expect((await quick).map(textOf)).toEqual(['a', 'b', 'c', 'd']);
      const rest = [await slow.next(), await slow.next(), await slow.next()];
      expect(rest.map(({ value }) => textOf(value))).toEqual(['b', 'c', 'd']);
      await slow.return?.();
    });

    it('ends when its signal is aborted: before, while it catches up, and while it waits', async () => {
      await on.append(on.stream, notes('a', 'b', 'c'), 'none');
      expect(await collect(on.log.subscribe({ category: on.category, signal: AbortSignal.abort() }))).toEqual([]);

      const early = new AbortController();
      const seen: unknown[] = [];
      for await (const fact of on.log.subscribe({ category: on.category, signal: early.signal })) {
        seen.push(textOf(fact));
        early.abort();
      }
      expect(seen).toEqual(['a']);

      const late = new AbortController();
      const { position: after } = await on.append(on.stream, notes('d'), 'any');
      const waiting = collect(on.log.subscribe({ category: on.category, after, signal: late.signal }));
      await on.append(on.stream, notes('e'), 'any');
      late.abort();
      expect((await waiting).length).toBeLessThanOrEqual(1);
    });

    it('lets go of one who leaves while it waits', async () => {
      const { position: after } = await on.here();
      const subscription = on.log.subscribe({ after, category: on.category })[Symbol.asyncIterator]();
      const next = subscription.next();
      await subscription.return?.();
      expect((await next).done).toBe(true);
    });
  });

  describe('close', () => {
    it('answers the appends in flight first, and refuses those that come later', async () => {
      const inFlight = Array.from({ length: 5 }, () => on.log.append(newStream(on.category), notes('a'), 'none'));
      const closed = on.log.close();
      expect((await Promise.all(inFlight)).every(({ ok }) => ok)).toBe(true);
      await closed;
      expect(await on.log.append(on.stream, notes('b'), 'none')).toEqual({ ok: false, error: { type: 'LogClosed' } });
      await on.log.close();
    });

    it('ends subscriptions and refuses reads', async () => {
      await on.append(on.stream, notes('a'), 'none');
      const waiting = on.log.subscribe({ category: on.category })[Symbol.asyncIterator]();
      await waiting.next();
      const next = waiting.next();
      await on.log.close();
      expect((await next).done).toBe(true);
      await expect(collect(on.log.readStream(on.stream))).rejects.toThrow(LogReadError);
      await expect(collect(on.log.readAll())).rejects.toThrow(LogReadError);
    });
  });
}
