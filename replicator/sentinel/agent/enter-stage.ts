import type { Clock } from '#core/clock';
import { err, ok, type Result } from '#core/result';
import type { GuestControl } from '#replicator/sentinel/guest-system';
import type { StageReport } from '#replicator/sentinel/stage/stage-report';
import { readStage, runStageTwo } from '#replicator/sentinel/stage/stage-two';

/** Where a sentinel finds itself when it begins. `test`: it has said what it had to, and must be silent from here on. */
export type Entrance =
  { readonly stage: 'source' } | { readonly stage: 'test' | 'target'; readonly report: StageReport };

/**
 * Looks whether this is a replica that was launched, and finishes inside it if so. Comes before anything that talks to a
 * network: a replica in a test has the identity of its source, which is running.
 */
export async function enterStage(
  system: GuestControl,
  clock: Clock,
  log: (line: string) => void,
): Promise<Result<Entrance, string>> {
  const file = await readStage(system);
  // Nobody knows what it says, so nothing is done that could disturb the source.
  if (!file.ok) return err(`the word that fix-up left cannot be read: ${file.error}`);
  if (!file.value) return ok({ stage: 'source' });
  const report = await runStageTwo(system, clock, file.value);
  const failed = report.checks.filter(({ verdict }) => verdict === 'failed').length;
  log(`stage ${report.stage} of migration ${report.migration}: ${report.checks.length} checks, ${failed} failed`);
  return ok({ stage: report.stage, report });
}

/** Resolves when a signal is aborted. */
export const stopped = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    // Without anything else to do, a process would end.
    const awake = setInterval(() => undefined, 60_000);
    signal.addEventListener('abort', () => {
      clearInterval(awake);
      resolve();
    });
  });
