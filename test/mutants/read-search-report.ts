import { z } from 'zod';
import type { Ended } from './bounded-program.ts';
import type { Caught } from './caught.ts';

/** How `sealift check` ends when it has found something: its statuses, in words. */
const endings: Readonly<Record<number, string>> = {
  127: 'it crashed',
  128: 'it makes no progress',
  129: 'a law is broken',
};

// What is read of the report; the rest is for people.
const report = z.object({
  law: z.string().nullish(),
  breaches: z.array(z.object({ law: z.string() })).nullish(),
  /** Seeds that were run until it was found. */
  seeds: z.number().nullish(),
});

/** What a run of `sealift check --json` found; undefined if nothing. */
export function foundBy({ status, output }: Ended): Caught | undefined {
  const nothingSaid = { catcher: 'search', law: null, file: null, seeds: null } as const;
  if (status === 0) return undefined;
  if (status === 'hung') return { ...nothingSaid, by: 'it never came to an end' };
  const by = endings[status] ?? `the search ended with status ${status}`;
  const said = report.safeParse(lastObjectIn(output));
  if (!said.success) return { ...nothingSaid, by };
  const law = said.data.law ?? said.data.breaches?.[0]?.law ?? null;
  return { ...nothingSaid, law, by: law ?? by, seeds: said.data.seeds ?? null };
}

/** The object that the output is, or that its last line is. */
function lastObjectIn(output: string): unknown {
  for (const text of [output, output.trimEnd().split('\n').at(-1) ?? '']) {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      // Not this one.
    }
  }
  return undefined;
}
