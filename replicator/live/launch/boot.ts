import type { Clock } from '#core/clock';
import { describeTargetError, type TargetPlatform } from '#core/ports/target-platform';
import { err, ok, type Result } from '#core/result';
import { elapsed, seconds, type Millis } from '#core/units';
import type { StageReport } from '#replicator/sentinel/stage/stage-report';
import { bootFailureIn, reportIn } from './console-report.ts';

/** A guest that is to come up, and what it will say when it has. */
export interface Boot {
  readonly vm: string;
  readonly stage: StageReport['stage'];
  readonly migration: string;
  readonly within: Millis;
  /** Whether a report is the one waited for; the first of the stage if left out. */
  readonly wanted?: (report: StageReport) => boolean;
}

const lookEvery = seconds(1);

/** Reads the console until the guest reports, its console says that it will not, or its time is up. The error is a sentence. */
export async function awaitReport(
  platform: Pick<TargetPlatform, 'console' | 'find'>,
  clock: Clock,
  { vm, stage, migration, within, wanted = () => true }: Boot,
  signal: AbortSignal,
): Promise<Result<StageReport, string>> {
  const begun = clock.now();
  for (;;) {
    const said = await platform.console(vm);
    // The platform may be away for a moment: the guest boots on.
    const text = said.ok ? said.value : '';
    const report = reportIn(text, { stage, migration });
    if (report && wanted(report)) return ok(report);
    const failure = bootFailureIn(text);
    if (failure !== undefined) return err(`${vm} does not boot: ${failure}`);
    const found = await platform.find(vm);
    if (found.ok && found.value?.power !== 'running') return err(`${vm} ${found.value ? 'has stopped' : 'is gone'}`);
    if (signal.aborted) return err('nobody waits for it any more');
    if (elapsed(begun, clock.now()) > within) {
      const last = said.ok ? (text.trimEnd().split('\n').at(-1) ?? '') : describeTargetError(said.error);
      return err(`${vm} did not report within ${Math.round(within / 1_000)} s; the last it said: ${last || 'nothing'}`);
    }
    await clock.wait(lookEvery, signal);
  }
}
