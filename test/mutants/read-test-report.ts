import { z } from 'zod';

/** A test that failed, or a file that could not be run. */
export interface Failure {
  readonly file: string;
  readonly test: string;
  readonly message: string;
}

const report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(
        z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()).nullish() }),
      ),
    }),
  ),
});

/** What failed by a report of vitest in JSON, in its order; nothing if there is no report. */
export function failuresIn(text: string): readonly Failure[] {
  if (text === '') return [];
  return report.parse(JSON.parse(text)).testResults.flatMap(({ name: file, status, message, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed');
    if (failed.length > 0)
      return failed.map(({ fullName, failureMessages }) => ({
        file,
        test: fullName.trim(),
        message: (failureMessages ?? []).join('\n'),
      }));
    return status === 'failed' ? [{ file, test: 'the file itself', message: message ?? '' }] : [];
  });
}

/** The law that a text says is broken, or that it names. */
export const lawIn = (text: string): string | null =>
  /\b(L\d+) [a-z-]+ is broken/.exec(text)?.[1] ?? /\((L\d+)\b/.exec(text)?.[1] ?? null;

/** After how many draws a property failed. */
export function seedsIn(text: string): number | null {
  const found = /Property failed after (\d+) tests/.exec(text)?.[1];
  return found === undefined ? null : Number(found);
}
