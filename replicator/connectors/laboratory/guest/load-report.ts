import { z } from 'zod';
import { err, ok, type Result } from '#core/result';
import type { Recorder } from '#replicator/connectors/laboratory/recorder/recorder';
import { recordFiles } from './load-programs.ts';

const report = z.object({
  upTo: z.number(),
  disks: z.array(
    z.object({
      path: z.string(),
      records: z.number(),
      broken: z.number(),
      firstBroken: z.number().optional(),
      digest: z.string(),
      detail: z.string().optional(),
    }),
  ),
});

/** What the guest's verifier found: for each disk how many records it has, and how many of the first `upTo` are broken or missing. */
export type LoadReport = z.infer<typeof report>;

/** The command that checks the records 1 to `upTo` inside the guest. */
export const verifyCommand = (upTo: number): string =>
  `node /usr/local/lib/sealift-load/verify.mjs ${upTo} ${recordFiles.join(' ')}`;

/** Reads what the verifier printed. The error is a sentence. */
export function loadReport(output: string): Result<LoadReport, string> {
  const line = output.split('\n').find((candidate) => candidate.startsWith('{')) ?? '';
  try {
    const parsed = report.safeParse(JSON.parse(line));
    return parsed.success ? ok(parsed.data) : err(`the verifier's report is not one: ${parsed.error.message}`);
  } catch {
    return err(`the verifier printed no report: ${output.slice(-500)}`);
  }
}

/** Everything that speaks against "every acknowledged record is on both disks and intact", one sentence each. */
export function missingRecords(
  found: LoadReport,
  recorder: Pick<Recorder, 'digestUpTo' | 'losses'>,
): readonly string[] {
  const expected = recorder.digestUpTo(found.upTo);
  const disks = recordFiles.flatMap((path) => {
    const disk = found.disks.find((candidate) => candidate.path === path);
    if (disk === undefined) return [`${path} was not looked at`];
    if (disk.broken > 0)
      return [
        `${path}: ${disk.broken} of ${found.upTo} acknowledged records are missing or broken, the first is ${disk.firstBroken}${disk.detail === undefined ? '' : ` (${disk.detail})`}`,
      ];
    return disk.digest === expected ? [] : [`${path}: its records are not the acknowledged ones`];
  });
  return [...recorder.losses(), ...disks];
}
