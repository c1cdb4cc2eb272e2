import { once } from 'node:events';
import type { Clock } from '#core/clock';
import { formatPlural } from '#core/text/format';
import type { Terminal } from '#core/text/terminal';
import { seconds } from '#core/units';
import type { CheckAnswer, CheckMessage, CheckWork, ShrunkVerdict } from '#scenarios/check/check-work';
import { failureText, type FailedSeeds } from '#scenarios/check/check-tally';
import { seedThread } from './seed-threads.ts';

/** What is needed to shrink in a thread. */
export interface ShrinkSite {
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly module: URL;
  readonly work: CheckWork;
  readonly signal: AbortSignal;
  readonly again: { readonly commit: string; readonly commandOf: (seed: number) => string };
}

const patience = seconds(60);
const runsMax = 2_000;

/** Makes the first world that failed in this way as small as a minute allows. A stop ends it with what it has. */
export async function shrinkInThread(
  { failure, seeds: [seed = 0] }: FailedSeeds,
  { terminal, clock, module, work, signal, again }: ShrinkSite,
): Promise<ShrunkVerdict> {
  const flag = new Int32Array(work.stop);
  Atomics.store(flag, 0, signal.aborted ? 1 : 0);
  const end = (): void => void Atomics.store(flag, 0, 1);
  signal.addEventListener('abort', end, { once: true });
  const over = new AbortController();
  clock.wait(patience, over.signal).then(end, () => undefined);
  const worker = seedThread(module, work);
  try {
    const { commit, commandOf } = again;
    const message: CheckMessage = {
      ...{ type: 'shrink', seed, failure, runsMax },
      again: { commit, command: commandOf(seed) },
    };
    worker.postMessage(message);
    for (;;) {
      const [answer] = (await once(worker, 'message')) as [CheckAnswer];
      if (answer.type === 'shrunk') return answer.verdict;
      if (answer.type === 'smaller')
        terminal.live(
          `shrinking seed ${seed} (${failureText(failure)}): ${formatPlural(answer.vms, 'VM')}, ${formatPlural(answer.faults, 'fault')} after ${formatPlural(answer.runs, 'run')}`,
        );
    }
  } finally {
    over.abort();
    signal.removeEventListener('abort', end);
    terminal.live(null);
    await worker.terminate();
  }
}
