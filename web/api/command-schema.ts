import { z } from 'zod';
import { diskId, migrationId } from '#core/ids';
import type { MigrationCommand } from '#core/migration/commands';
import { sourcePlatforms } from '#core/migration/plan';
import { bytes, instant, millis } from '#core/units';
import type { WaveCommand } from '#core/wave/commands';

/**
 * The shapes of commands as they come from outside. Numbers carry the units of the model: bytes, milliseconds. Members that
 * are not known are refused: a misspelt one would otherwise be ignored in silence.
 */
const natural = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const text = z.string().max(2_000);
const reason = text.trim().min(1, 'say why, for those who read the log');
const name = text.trim().min(1, 'give a name');
const nothing = z.strictObject({});

// Ids check themselves and throw a RangeError with a sentence; here that sentence becomes an issue at its place.
const id = <T>(parse: (text: string) => T) =>
  z.string().transform((value, context): T => {
    try {
      return parse(value);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });

const length = natural.transform(bytes);
const duration = natural.transform(millis);
const moment = natural.transform(instant);

const migrationPlan = z.strictObject({
  vm: z.strictObject({ name, platform: z.enum(sourcePlatforms), guest: z.enum(['linux', 'windows']) }),
  disks: z.array(z.strictObject({ id: id(diskId), size: length })).max(1_000),
  source: name,
  target: name,
  downtimeMax: duration,
  roundsMax: natural,
  refreshEvery: duration,
  approval: z.enum(['given', 'required', 'requiredByAnother']),
  testLaunch: z.enum(['required', 'optional']),
  handOver: z.enum(['launch', 'replica']),
  quiesce: z.strictObject({ timeout: duration, onRefusal: z.enum(['force', 'rollBack']) }),
  onValidationFailure: z.enum(['rollBack', 'ask']),
  requester: name,
});

const tokens = z.record(name, natural);
const waveMember = z.strictObject({
  migration: id(migrationId),
  after: z.array(id(migrationId)).max(1_000),
  priority: z.number().int().exactOptional(),
  application: name.exactOptional(),
  apart: z.array(name).max(100).exactOptional(),
  resources: z
    .strictObject({ replicating: tokens.exactOptional(), cuttingOver: tokens.exactOptional() })
    .exactOptional(),
  expected: duration.exactOptional(),
  cutoversBefore: natural.exactOptional(),
});

const wavePlan = z.strictObject({
  name,
  members: z.array(waveMember).max(10_000),
  window: z.strictObject({ opens: moment, closes: moment }),
  limits: z.strictObject({ replicating: natural, cuttingOver: natural, tokens: tokens.exactOptional() }),
  together: z.array(name).max(10_000).exactOptional(),
  retry: z.strictObject({ times: natural, after: duration, reserve: duration.exactOptional() }).exactOptional(),
  approval: z.enum(['required', 'requiredByAnother']).exactOptional(),
  onWindowClose: z.enum(['rollBack', 'finish']),
  requester: name,
});

const command = <const T extends string, D extends z.ZodType>(type: T, data: D) =>
  z.strictObject({ type: z.literal(type), data });

/** A migration command in a request body. */
export const migrationCommandSchema = z.discriminatedUnion('type', [
  command('DraftMigration', z.strictObject({ plan: migrationPlan })),
  command('VerifySource', nothing),
  command('StartProtection', nothing),
  command('PauseReplication', z.strictObject({ reason })),
  command('ResumeReplication', nothing),
  command('RescanDisks', z.strictObject({ reason })),
  command('LaunchTest', nothing),
  command('JudgeTest', z.strictObject({ verdict: z.enum(['passed', 'failed']), note: text })),
  command('ApproveCutover', z.strictObject({ by: name })),
  command('StartCutover', nothing),
  command('RevokeCutover', z.strictObject({ reason })),
  command('WaiveValidation', z.strictObject({ by: name, reason })),
  command('RollBack', z.strictObject({ reason, acceptLossOfTargetWrites: z.boolean() })),
  command('Finalize', nothing),
  command('CancelMigration', z.strictObject({ reason })),
  command('DecideOutcome', z.strictObject({ outcome: z.enum(['done', 'notDone']), by: name })),
]) satisfies z.ZodType<MigrationCommand>;

/** A wave command in a request body. */
export const waveCommandSchema = z.discriminatedUnion('type', [
  command('DraftWave', z.strictObject({ plan: wavePlan })),
  command('StartWave', nothing),
  command('ApproveWave', z.strictObject({ by: name })),
  command('PauseWave', z.strictObject({ reason })),
  command('ResumeWave', nothing),
  command('CancelWave', z.strictObject({ reason })),
]) satisfies z.ZodType<WaveCommand>;

/** What does not fit, a sentence each, with its place: `data.reason: say why`. */
export const schemaProblems = (error: z.ZodError): readonly string[] =>
  error.issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`));
