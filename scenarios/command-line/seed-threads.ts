import { Worker, type WorkerOptions } from 'node:worker_threads';

/** What is wanted of many seeds. */
export interface SeedThreads<Answer> {
  /** The module that a thread runs. It is sent one seed after the other, and answers each. */
  readonly module: URL;
  /** What a thread is given when it starts. */
  readonly workerData: unknown;
  /** In this order. */
  readonly seeds: Iterable<number>;
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly onAnswer: (answer: Answer) => void;
}

/** How it ended: all seeds, stopped on the way, or a thread that died. */
export type SeedsEnding = { readonly type: 'done' | 'stopped' } | { readonly type: 'crashed'; readonly error: unknown };

// A run makes much that is soon forgotten: room for it means fewer and shorter collections.
const youngMiB = 192;

/** Starts a thread for seeds: a module of a build, or the same from its sources. */
export function seedThread(module: URL, workerData: unknown): Worker {
  const options: WorkerOptions = { workerData, resourceLimits: { maxYoungGenerationSizeMb: youngMiB } };
  return module.pathname.endsWith('.ts')
    ? new Worker(fromSources(module), { ...options, eval: true })
    : new Worker(module, options);
}

/**
 * Node 20 does not hand on to threads how a process reads TypeScript, so that each says it for itself, with what reads it in
 * a checkout. There is none beside a build, which has no sources either.
 */
function fromSources(module: URL): string {
  const [reader, entry] = [import.meta.resolve('tsx/esm/api'), module.href].map((url) => JSON.stringify(url));
  return `import(${reader}).then(({ register }) => register()).then(() => import(${entry}));`;
}

/** So many seeds from `first` on. */
export function* seedsFrom(first: number, count: number): Generator<number> {
  for (let seed = first; seed < first + count; seed += 1) yield seed;
}

/** The same seeds, the last first. */
export function* seedsDownTo(first: number, count: number): Generator<number> {
  for (let seed = first + count - 1; seed >= first; seed -= 1) yield seed;
}

/** Does seeds in their order, one a thread at a time. Answers come in the order in which they are found. */
export async function onSeedThreads<Answer>(options: SeedThreads<Answer>): Promise<SeedsEnding> {
  const { module, workerData, seeds, threads, signal, onAnswer } = options;
  const left = seeds[Symbol.iterator]();
  const workers: Worker[] = [];
  const work = (worker: Worker, first: number): Promise<SeedsEnding> =>
    new Promise((resolve) => {
      const begin = (seed: number): void => worker.postMessage(seed);
      const goOn = (): void => {
        if (signal.aborted) return resolve({ type: 'stopped' });
        const next = left.next();
        if (next.done) return resolve({ type: 'done' });
        begin(next.value);
      };
      worker.on('message', (answer: Answer) => {
        // What arrives after a stop is of a seed that nobody waits for any more.
        if (!signal.aborted) onAnswer(answer);
        goOn();
      });
      worker.once('error', (error) => resolve({ type: 'crashed', error }));
      signal.addEventListener('abort', () => resolve({ type: 'stopped' }), { once: true });
      if (signal.aborted) return resolve({ type: 'stopped' });
      begin(first);
    });
  try {
    const running: Promise<SeedsEnding>[] = [];
    for (let thread = 0; thread < threads; thread += 1) {
      const next = left.next();
      if (next.done) break;
      const worker = seedThread(module, workerData);
      workers.push(worker);
      running.push(work(worker, next.value));
    }
    const endings = await Promise.all(running);
    return (
      endings.find(({ type }) => type === 'crashed') ??
      endings.find(({ type }) => type === 'stopped') ?? { type: 'done' }
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
