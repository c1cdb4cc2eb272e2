import { Worker } from 'node:worker_threads';
import type { EstateText } from '#scenarios/load';
import type { CalibrationText } from '#scenarios/calibration-use';
import type { RehearsalSummary } from '#scenarios/rehearsal-summary';

/** What a thread is given when it starts. */
export interface SeedWork {
  /** The scenario as its file says it, and the name of that file. */
  readonly text: string;
  readonly file: string;
  /** The estate file it names, if it names one. */
  readonly estate: EstateText | undefined;
  /** The calibration that it uses, if it uses one. */
  readonly calibration: CalibrationText | undefined;
  /** Rehearse each seed twice and compare what happened. */
  readonly certify: boolean;
}

/** What a thread says of one seed. */
export type SeedAnswer =
  | { readonly type: 'rehearsed'; readonly summary: RehearsalSummary }
  /** The same seed led to two different logs: the simulator is wrong. */
  | { readonly type: 'differs'; readonly seed: number }
  | { readonly type: 'refused'; readonly detail: string };

/** What is wanted of many seeds. */
export interface SeedWorkers extends SeedWork {
  /** The module that a thread runs. */
  readonly module: URL;
  readonly first: number;
  readonly count: number;
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly onAnswer: (answer: SeedAnswer) => void;
}

/** How it ended: all seeds, stopped on the way, or a thread that died. */
export type SeedsEnding = { readonly type: 'done' | 'stopped' } | { readonly type: 'crashed'; readonly error: unknown };

// A rehearsal makes much that is soon forgotten: room for it means fewer and shorter collections.
const youngMiB = 192;

/** Rehearses seeds from `first` on, one a thread at a time. Answers come in the order in which they are found. */
export async function rehearseSeeds(options: SeedWorkers): Promise<SeedsEnding> {
  const { module, text, file, estate, calibration, certify, first, count, threads, signal, onAnswer } = options;
  let next = first;
  const workerData: SeedWork = { text, file, estate, calibration, certify };
  const workers = Array.from(
    { length: Math.min(threads, count) },
    () => new Worker(module, { workerData, resourceLimits: { maxYoungGenerationSizeMb: youngMiB } }),
  );
  const work = (worker: Worker): Promise<SeedsEnding> =>
    new Promise((resolve) => {
      const goOn = (): void => {
        if (signal.aborted) return resolve({ type: 'stopped' });
        if (next >= first + count) return resolve({ type: 'done' });
        worker.postMessage(next);
        next += 1;
      };
      worker.on('message', (answer: SeedAnswer) => {
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
