import { dirname } from 'node:path/posix';
import { err, ok, type Result } from '#core/result';
import type { Recorder } from '#replicator/connectors/laboratory/recorder/recorder';
import type { GuestShell, GuestShellError } from './guest-shell.ts';
import { loadConfigPath } from './load-programs.ts';
import { loadReport, missingRecords, verifyCommand, type LoadReport } from './load-report.ts';

/** Why the load does not run, or nothing is known of its records. */
export type LoadError = GuestShellError | { readonly type: 'CommandFailed'; readonly output: string };

/** Tells the guest's load where the recorder is and how fast to write, and starts it. It starts by itself from then on. */
export async function startLoad(
  shell: GuestShell,
  { port, perSecond }: { readonly port: number; readonly perSecond: number },
): Promise<Result<void, LoadError>> {
  const config = JSON.stringify({ recorder: `10.0.2.2:${port}`, perSecond });
  const started = await shell.run(
    `mkdir -p ${dirname(loadConfigPath)} && echo '${config}' >${loadConfigPath} && systemctl restart sealift-load`,
  );
  if (!started.ok) return started;
  return started.value.status === 0
    ? ok(undefined)
    : err({ type: 'CommandFailed', output: started.value.output.slice(-500) });
}

/** Has the guest look at every record that is acknowledged now. `missing` is empty if each is on both disks and intact. */
export async function verifyLoad(
  shell: GuestShell,
  recorder: Recorder,
): Promise<Result<{ readonly report: LoadReport; readonly missing: readonly string[] }, LoadError>> {
  const verified = await shell.run(verifyCommand(recorder.acknowledged().upTo));
  if (!verified.ok) return verified;
  const report = loadReport(verified.value.output);
  if (!report.ok) return err({ type: 'CommandFailed', output: report.error });
  return ok({ report: report.value, missing: missingRecords(report.value, recorder) });
}
