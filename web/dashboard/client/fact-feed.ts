import type { Position, RecordedFact } from '#core/event-log/event-log';
import type { Beat } from '#web/api/fact-stream';
import { ApiFailure, messageOf, type ApiClient, type RunSummary } from './api-client.ts';
import { SseParser } from './sse-parser.ts';

/** How the page hears of the run. */
export type Connection =
  | { readonly type: 'connecting' }
  /** What was there before is being read. */
  | { readonly type: 'loading'; readonly facts: number; readonly total: number }
  | { readonly type: 'open' }
  /** The server is gone, or refuses. It is tried again after `retryInMs`. */
  | { readonly type: 'lost'; readonly why: string; readonly retryInMs: number; readonly attempt: number };

/** Who takes what the feed brings. */
export interface FeedSink {
  /** The position up to which facts are known: where to go on. */
  head(): Position;
  /** A run was found. When it is another one than before, the sink forgets the old facts here. */
  onRun(run: RunSummary): void;
  /** Facts in log order. The next ones are read when this has resolved. */
  onFacts(facts: readonly RecordedFact[]): Promise<void>;
  onBeat(beat: Beat): void;
  onConnection(connection: Connection): void;
}

/** What the feed needs of its surroundings. */
export interface FeedSurroundings {
  readonly api: ApiClient;
  /** Resolves after so many milliseconds, or when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** A feed that runs. */
export interface FactFeed {
  /** Tries at once, if it waits to try again. */
  retry(): void;
  stop(): void;
}

const pageSize = 2_000;
// The server says something at least every ten seconds. Silence for longer means that nobody is there.
const silenceMax = 25_000;
const retryFirst = 500;
const retryLast = 10_000;

/** Reads a run from its start and follows it, over and over again when the connection fails, without a gap or a double. */
export function followRun({ api, wait }: FeedSurroundings, sink: FeedSink): FactFeed {
  const stopping = new AbortController();
  let waiting = new AbortController();
  void (async () => {
    for (let attempt = 0; !stopping.signal.aborted; attempt += 1) {
      const heard = (): void => void (attempt = 0);
      const why = await connect({ api, wait }, sink, stopping.signal, heard).catch(messageOf);
      if (stopping.signal.aborted) return;
      const retryInMs = Math.min(retryLast, retryFirst * 2 ** Math.min(attempt, 8));
      sink.onConnection({ type: 'lost', why, retryInMs, attempt: attempt + 1 });
      waiting = new AbortController();
      await wait(retryInMs, AbortSignal.any([waiting.signal, stopping.signal]));
    }
  })();
  return { retry: () => waiting.abort(), stop: () => stopping.abort() };
}

/** One connection from beginning to end. Resolves with why it ended. */
async function connect(
  { api, wait }: FeedSurroundings,
  sink: FeedSink,
  stopping: AbortSignal,
  heard: () => void,
): Promise<string> {
  sink.onConnection({ type: 'connecting' });
  const ending = new AbortController();
  const signal = AbortSignal.any([ending.signal, stopping]);
  try {
    const run = await api.run(signal);
    sink.onRun(run);
    await loadPages(api, sink, run.facts, signal);
    const stream = await api.stream(sink.head(), signal);
    sink.onConnection({ type: 'open' });
    return await readStream({ stream, wait, signal, heard }, sink);
  } finally {
    ending.abort();
  }
}

async function loadPages(api: ApiClient, sink: FeedSink, total: number, signal: AbortSignal): Promise<void> {
  let read = 0;
  for (;;) {
    const { facts, more } = await api.facts(sink.head(), pageSize, signal);
    await sink.onFacts(facts);
    if (!more) return;
    read += facts.length;
    sink.onConnection({ type: 'loading', facts: read, total: Math.max(total, read) });
  }
}

interface OpenStream {
  readonly stream: ReadableStream<Uint8Array>;
  readonly wait: FeedSurroundings['wait'];
  readonly signal: AbortSignal;
  readonly heard: () => void;
}

async function readStream({ stream, wait, signal, heard }: OpenStream, sink: FeedSink): Promise<string> {
  const reader = stream.getReader();
  const parser = new SseParser();
  const decoder = new TextDecoder();
  for (;;) {
    const silence = new AbortController();
    const part = await Promise.race([reader.read(), wait(silenceMax, AbortSignal.any([silence.signal, signal]))]);
    silence.abort();
    if (part === undefined) return `nothing was heard for ${silenceMax / 1000} seconds`;
    if (part.done) return 'the server ended the connection';
    heard();
    const facts: RecordedFact[] = [];
    for (const { event, data } of parser.push(decoder.decode(part.value, { stream: true }))) {
      if (event === 'fact') facts.push(JSON.parse(data) as RecordedFact);
      if (event === 'beat') sink.onBeat(JSON.parse(data) as Beat);
      if (event === 'fault') throw new ApiFailure((JSON.parse(data) as { detail: string }).detail);
    }
    if (facts.length > 0) await sink.onFacts(facts);
  }
}
