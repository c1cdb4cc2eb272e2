import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { catcherNames } from './caught.ts';

const result = z.object({
  id: z.string(),
  tried: z.array(z.enum(catcherNames)),
  caught: z
    .object({
      catcher: z.enum(catcherNames),
      law: z.string().nullable(),
      by: z.string(),
      file: z.string().nullable(),
      seeds: z.number().nullable(),
    })
    .nullable(),
  /** Seeds whose worlds were searched; worlds among them that execute the mutant; those in which anything happened otherwise. */
  worlds: z.object({ searched: z.number(), reached: z.number(), differed: z.number() }).nullable(),
  seconds: z.number(),
});

/** What became of one mutant. */
export type MutantResult = Readonly<z.infer<typeof result>>;

const kept = z.object({ terms: z.string(), results: z.array(result) });

/** Results that outlive an interrupted run. */
export interface Results {
  of(id: string): MutantResult | undefined;
  add(result: MutantResult): void;
}

/** What was found before under the same terms (the tree, the seed, the catchers); nothing under others. */
export function openResults(path: string, terms: string): Results {
  const found = new Map<string, MutantResult>();
  const before = readKept(path);
  if (before?.terms === terms) for (const one of before.results) found.set(one.id, one);
  return {
    of: (id) => found.get(id),
    add: (one) => {
      found.set(one.id, one);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(`${path}.new`, JSON.stringify({ terms, results: [...found.values()] }, undefined, 1));
      renameSync(`${path}.new`, path);
    },
  };
}

function readKept(path: string): z.infer<typeof kept> | undefined {
  try {
    return kept.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch {
    // None, or half of one: then everything is tried again.
    return undefined;
  }
}
