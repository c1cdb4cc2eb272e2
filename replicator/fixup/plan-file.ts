import { z } from 'zod';
import type { FixUpPlan } from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';

const path = z
  .string()
  .startsWith('/')
  .refine((text) => !text.split('/').includes('..'), 'leads out of its folder');

const edit = z.strictObject({
  id: z.string(),
  what: z.string(),
  why: z.string(),
  path,
  before: z.string().exactOptional(),
  after: z.string().exactOptional(),
  mode: z.int().min(0).max(0o7777).exactOptional(),
  run: z.array(z.string()).min(1).exactOptional(),
  keeps: path.exactOptional(),
  hive: z.string().startsWith('HKEY_LOCAL_MACHINE\\').exactOptional(),
});

const check = z.strictObject({
  id: z.string(),
  verdict: z.enum(['passed', 'warning', 'failed']),
  message: z.string(),
  remedy: z.string(),
});

const plan = z.strictObject({
  version: z.literal(1),
  guest: z.strictObject({ family: z.string(), name: z.string(), kernels: z.array(z.string()) }),
  target: z
    .strictObject({
      controller: z.enum(['pvscsi', 'lsisas']),
      nicModel: z.enum(['vmxnet3', 'e1000e']),
      nics: z
        .array(z.strictObject({ mac: z.string(), name: z.string(), formerMac: z.string().exactOptional() }))
        .exactOptional(),
    })
    .exactOptional(),
  edits: z.array(edit),
  findings: z.array(check),
});

/** Reads a plan that was written to a file, perhaps by a person. The error is a sentence. */
export function parsePlan(text: string): Result<FixUpPlan, string> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    return err(cause instanceof Error ? cause.message : String(cause));
  }
  const parsed = plan.safeParse(json);
  return parsed.success ? ok(parsed.data) : err(z.prettifyError(parsed.error).replaceAll('\n', ' '));
}
