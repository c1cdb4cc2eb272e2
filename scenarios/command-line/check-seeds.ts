import { once } from 'node:events';
import type { RecordedFact } from '#core/event-log/event-log';
import { formatEta, formatPercent } from '#core/text/format';
import type { CheckAnswer, CheckMessage, CheckWork, SeedVerdict } from '#scenarios/check/check-work';
import type { CheckSite } from './check-site.ts';
import { onSeedThreads, seedsDownTo, seedsFrom, seedThread } from './seed-threads.ts';

/** What many seeds need. */
export interface SeedsToCheck {
  readonly work: CheckWork;
  readonly first: number;
  readonly count: number;
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly onVerdict: (verdict: SeedVerdict) => void;
  /** A second time: the last seed first, in threads of their own. */
  readonly isRepeat?: boolean;
}

/** Checks seeds on threads, and says how far it is. True if it was stopped before all were done. */
export async function checkSeeds(
  { work, first, count, threads, signal, onVerdict, isRepeat = false }: SeedsToCheck,
  { terminal, clock, worker }: Pick<CheckSite, 'terminal' | 'clock' | 'worker'>,
): Promise<boolean> {
  const began = clock.now();
  let answered = 0;
  let failed = 0;
  const ending = await onSeedThreads<CheckAnswer>({
    ...{ module: worker, workerData: work, threads, signal },
    seeds: isRepeat ? seedsDownTo(first, count) : seedsFrom(first, count),
    onAnswer: (answer) => {
      if (answer.type !== 'checked') return;
      answered += 1;
      if (answer.verdict.failures.length > 0) failed += 1;
      onVerdict(answer.verdict);
      const left = ((clock.now() - began) / answered) * (count - answered);
      const line = `${answered} of ${count} seeds${isRepeat ? ' again' : ''}, ${formatPercent(answered / count)}${failed > 0 ? `, ${failed} failed` : ''}  ${formatEta(left)}`;
      if (terminal.isInteractive) terminal.live(line);
      // Without a person watching, a line for every tenth, as other commands do.
      else if (Math.floor((10 * answered) / count) > Math.floor((10 * (answered - 1)) / count)) terminal.note(line);
    },
  });
  terminal.live(null);
  if (ending.type === 'crashed') throw ending.error;
  return ending.type === 'stopped';
}

/** Checks one seed in a thread, and gives all that happened. */
export async function checkWithLog(
  { work, first, onVerdict }: Pick<SeedsToCheck, 'work' | 'first' | 'onVerdict'>,
  { worker }: Pick<CheckSite, 'worker'>,
): Promise<readonly RecordedFact[]> {
  const thread = seedThread(worker, work);
  try {
    const message: CheckMessage = { type: 'tellAll', seed: first };
    thread.postMessage(message);
    // An error of the thread rejects what is waited for.
    const [answer] = (await once(thread, 'message')) as [CheckAnswer];
    if (answer.type !== 'checked') return [];
    onVerdict(answer.verdict);
    return answer.log ?? [];
  } finally {
    await thread.terminate();
  }
}
