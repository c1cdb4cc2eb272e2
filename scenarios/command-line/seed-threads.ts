import { Worker } from 'node:worker_threads';

/** What is wanted of many seeds. */
export interface SeedThreads<Answer> {
  /** The module that a thread runs. It is sent one seed after the other, and answers each. */
  readonly module: URL;
  /** What a thread is given when it starts. */
  readonly workerData: unknown;
  readonly first: number;
  readonly count: number;
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly onAnswer: (answer: Answer) => void;
}

/** How it ended: all seeds, stopped on the way, or a thread that died. */
export type SeedsEnding = { readonly type: 'done' | 'stopped' } | { readonly type: 'crashed'; readonly error: unknown };

// A run makes much that is soon forgotten: room for it means fewer and shorter collections.
const youngMiB = 192;

/** Starts a thread for seeds. */
export const seedThread = (module: URL, workerData: unknown): Worker =>
  new Worker(module, { workerData, resourceLimits: { maxYoungGenerationSizeMb: youngMiB } });

/** Does seeds from `first` on, one a thread at a time. Answers come in the order in which they are found. */
export async function onSeedThreads<Answer>(options: SeedThreads<Answer>): Promise<SeedsEnding> {
  const { module, workerData, first, count, threads, signal, onAnswer } = options;
  let next = first;
  const workers = Array.from({ length: Math.min(threads, count) }, () => seedThread(module, workerData));
  const work = (worker: Worker): Promise<SeedsEnding> =>
    new Promise((resolve) => {
      const goOn = (): void => {
        if (signal.aborted) return resolve({ type: 'stopped' });
        if (next >= first + count) return resolve({ type: 'done' });
        worker.postMessage(next);
        next += 1;
      };
      worker.on('message', (answer: Answer) => {
        // What arrives after a stop is of a seed that nobody waits for any more.
        if (!signal.aborted) onAnswer(answer);
        goOn();
      });
      worker.once('error', (error) => resolve({ type: 'crashed', error }));
      signal.addEventListener('abort', () => resolve({ type: 'stopped' }), { once: true });
      goOn();
    });
  try {
    const endings = await Promise.all(workers.map(work));
    return (
      endings.find(({ type }) => type === 'crashed') ??
      endings.find(({ type }) => type === 'stopped') ?? { type: 'done' }
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
