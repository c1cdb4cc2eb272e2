import { setImmediate } from 'node:timers/promises';
import { LogReadError, type Position, type RecordedFact } from '#core/event-log/event-log';
import type { Instant } from '#core/units';
import type { FactsPort } from '#web/ports';

/** What a heartbeat carries: the run's own clock, so that a page can tell a quiet run from a dead one. */
export interface Beat {
  readonly now: Instant | null;
  readonly head: Position | null;
}

/** How one stream of facts lives. */
export interface FactStreamOptions {
  readonly after: Position;
  readonly beat: () => Beat;
  readonly stopping: AbortSignal;
  readonly heartbeatMs?: number;
}

// Proxies and pages give a silent connection up after half a minute or more.
const heartbeatMsDefault = 10_000;
// Facts are put together into one write as long as they are there: a backlog goes out in tens of writes and not in
// tens of thousands.
const chunkCharsMax = 64 * 1024;

/**
 * Facts as server-sent events, `id:` being their position, so that a client resumes where it was. Nothing is read from the
 * log before the client has taken what came before: a slow client is served slowly and costs one chunk of memory.
 *
 * The events: `fact`, `beat` (nothing new, still there) and, as the last, `fault` (the log cannot be read on).
 */
export function factStream(log: Pick<FactsPort, 'subscribe'>, options: FactStreamOptions): ReadableStream<Uint8Array> {
  const { after, beat, stopping, heartbeatMs = heartbeatMsDefault } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, stopping]);
  const facts = log.subscribe({ after, signal })[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  let pending: Promise<IteratorResult<RecordedFact>> | null = null;
  let greeted = false;

  const nextChunk = async (): Promise<string | null> => {
    let chunk = '';
    for (;;) {
      pending ??= facts.next();
      // What is at hand is taken along; waiting is for when there is nothing to send.
      const arrived = await Promise.race([pending, chunk === '' ? waited(heartbeatMs, signal) : setImmediate()]);
      if (arrived === undefined) return chunk === '' ? event('beat', beat()) : chunk;
      pending = null;
      if (arrived.done) return chunk === '' ? null : chunk;
      chunk += event('fact', arrived.value, arrived.value.position);
      if (chunk.length >= chunkCharsMax) return chunk;
    }
  };

  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          // Something goes out at once: until then the client does not know that it is connected.
          const chunk = greeted ? await nextChunk() : `retry: 1000\n\n${event('beat', beat())}`;
          greeted = true;
          if (chunk === null) controller.close();
          else controller.enqueue(encoder.encode(chunk));
        } catch (error) {
          if (!(error instanceof LogReadError)) throw error;
          controller.enqueue(encoder.encode(event('fault', { detail: error.message })));
          controller.close();
        }
      },
      cancel: async () => {
        stop.abort();
        await facts.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

const event = (name: string, data: object, id?: number): string =>
  `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;

/** Resolves to undefined after `ms`, or when the stream ends. */
function waited(ms: number, signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve(undefined);
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
