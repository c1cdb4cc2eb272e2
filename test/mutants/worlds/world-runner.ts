import { Worker } from 'node:worker_threads';
import type { WalksAnswer, WalksAsked, WorldAnswer, WorldAsked } from './world-thread.ts';
import type { WorldBundle } from './world-bundle.ts';

/** What became of what was asked. `hung`: it did not come to an end; `died`: its thread did not survive it. */
export type Ending<Answer> =
  | { readonly type: 'ended'; readonly answer: Answer }
  | { readonly type: 'hung' }
  | { readonly type: 'died'; readonly why: string };

/** Runs worlds, one at a time, in a thread that is started anew when it was lost. */
export interface WorldRunner {
  run(asked: WorldAsked): Promise<Ending<WorldAnswer>>;
  walk(asked: WalksAsked): Promise<Ending<WalksAnswer>>;
  close(): Promise<void>;
}

// More than a world needs by far: a mutant that eats memory is to end, and not the machine.
const memoryMax = { maxYoungGenerationSizeMb: 128, maxOldGenerationSizeMb: 1_024 };

/** A runner of the worlds of a bundle. `withinMs`: a world that takes longer hangs. */
export function worldRunner({ module }: WorldBundle, withinMs: number): WorldRunner {
  let thread: Worker | undefined;
  const close = async (): Promise<void> => {
    const old = thread;
    thread = undefined;
    await old?.terminate();
  };
  const ask = async <Answer>(asked: WorldAsked | WalksAsked): Promise<Ending<Answer>> => {
    const worker = (thread ??= newThread(module));
    const ending = await endingOf<Answer>(worker, asked, withinMs);
    if (ending.type !== 'ended') await close();
    return ending;
  };
  return { run: (asked) => ask(asked), walk: (asked) => ask(asked), close };
}

function newThread(module: URL): Worker {
  const thread = new Worker(module, { resourceLimits: memoryMax, stdout: true, stderr: true });
  // Whatever it still says of its death when nobody waits for it any more.
  thread.on('error', () => undefined);
  return thread;
}

function endingOf<Answer>(worker: Worker, asked: WorldAsked | WalksAsked, withinMs: number): Promise<Ending<Answer>> {
  return new Promise((resolve) => {
    const settle = (ending: Ending<Answer>): void => {
      clearTimeout(timer);
      worker.off('message', answered);
      worker.off('error', died);
      worker.off('exit', left);
      resolve(ending);
    };
    const answered = (answer: Answer): void => settle({ type: 'ended', answer });
    const died = (error: Error): void => settle({ type: 'died', why: error.message });
    const left = (status: number): void => settle({ type: 'died', why: `its thread ended with status ${status}` });
    const timer = setTimeout(() => settle({ type: 'hung' }), withinMs);
    worker.on('message', answered);
    worker.on('error', died);
    worker.on('exit', left);
    worker.postMessage(asked);
  });
}
