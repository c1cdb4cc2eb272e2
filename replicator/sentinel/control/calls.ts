import { z } from 'zod';
import type { GuestAgentError, Unconfirmed } from '#core/ports/guest-agent';
import type { ChangeMark, Changes } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { bytes, bytesPerSecond } from '#core/units';
import { branded } from '#replicator/protocol/branded';
import type { AccountMade } from '#replicator/sentinel/stage/account';
import type { StageReport } from '#replicator/sentinel/stage/stage-report';
import { diskName, glanceShape, inventoryShape, policyShape, reportShape } from './inventory-shape.ts';

/*
 * What a gateway may ask of a sentinel: the calls of `GuestAgent`, and those by which it is replaced by a newer one.
 * Both ends check with these shapes: the sentinel what it is asked, the gateway what it is answered.
 */

const text = z.string().max(4_096);
// Owners are migration ids.
const mark: z.ZodType<ChangeMark> = z.object({ owner: z.string().min(1).max(200), number: z.int().nonnegative() });
// JSON has no undefined.
const nothing = z.null().transform((): void => undefined);
const changes: z.ZodType<readonly Changes[]> = z
  .array(z.object({ disk: diskName, dirty: branded(bytes, z.number()) }))
  .max(4_096);
const report: z.ZodType<StageReport> = z.object({
  stage: z.enum(['test', 'target']),
  migration: text,
  booted: z.literal(true),
  checks: z
    .array(z.object({ id: text, verdict: z.enum(['passed', 'warning', 'failed']), message: text, remedy: text }))
    .max(1_000),
});
const account: z.ZodType<AccountMade> = z.object({ name: text, password: text.exactOptional() });
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const unconfirmed: z.ZodType<Unconfirmed> = z.object({ unconfirmed: text });

/** The longest part of a newer agent in one call, in bytes. */
export const upgradePartMax = 512 * 1024;
/** The largest agent, in bytes. */
export const agentSizeMax = 8 * 1024 * 1024;

/** Both are compiled, since a guest is asked for as long as it is tracked. */
const call = <Asks extends z.ZodType, Answers extends z.ZodType>(asks: Asks, answers: Answers) => ({
  asks: z.compile(asks),
  answers: z.compile(answers),
});

/** Each call with the shape of what is asked and of what is answered. */
export const calls = {
  inspect: call(z.object({}), inventoryShape),
  look: call(z.object({}), glanceShape),
  beginMark: call(z.object({ mark }), nothing),
  advanceMark: call(z.object({ from: mark, to: mark }), nothing),
  changes: call(z.object({ mark }), changes),
  dropMark: call(z.object({ mark }), nothing),
  openDisk: call(z.object({ disk: diskName, since: mark.exactOptional() }), nothing),
  closeDisks: call(z.object({}), nothing),
  quiesce: call(z.object({ policy: policyShape }), reportShape),
  resume: call(z.object({}), nothing),
  powerOff: call(z.object({}), nothing),
  release: call(z.object({ owner: z.string().min(1).max(200) }), nothing),
  limit: call(z.object({ rate: z.union([z.literal('unlimited'), branded(bytesPerSecond, z.number())]) }), nothing),
  /** A sentinel answers null; a gateway whose sentinel never answered says so. */
  uninstall: call(z.object({}), z.union([nothing, unconfirmed])),
  /** What a replica had to say when it booted, as on its console; null in a source. */
  report: call(z.object({}), report.nullable()),
  /** A new password for the validation account of a replica; null where there is none. A secret: never to be logged. */
  account: call(z.object({}), account.nullable()),
  /** Keeps a part of a newer agent. Parts come in order; the first, at 0, begins anew. */
  upgradePart: call(
    z.object({
      sha256,
      at: z.int().nonnegative().max(agentSizeMax),
      content: z.base64().max(Math.ceil((upgradePartMax * 4) / 3) + 4),
    }),
    nothing,
  ),
  /** Puts the newer agent, all of whose parts are there, in the place of this one, and starts it. */
  upgrade: call(z.object({ sha256, version: z.string().min(1).max(100) }), nothing),
} as const;

/** The name of a call. */
export type CallName = keyof typeof calls;
/** What a call asks. */
export type Asks<C extends CallName> = z.output<(typeof calls)[C]['asks']>;
/** What a call answers. */
export type Answers<C extends CallName> = z.output<(typeof calls)[C]['answers']>;

/** Asks a sentinel, wherever it is. Never rejects. */
export type AskGuest = <C extends CallName>(call: C, asks: Asks<C>) => Promise<Result<Answers<C>, GuestAgentError>>;

/** The names of all calls. */
export const callNames = Object.keys(calls) as readonly CallName[];

const errors = {
  Unreachable: { operation: text, detail: text },
  Refused: { operation: text, detail: text },
  DiskNotFound: { disk: diskName },
  TrackingLost: { disk: diskName, detail: text },
  ProtocolViolation: { detail: text },
} as const satisfies Record<GuestAgentError['type'], z.core.$ZodLooseShape>;

/** An error, as the other side sent it. */
export const guestAgentErrorShape: z.ZodType<GuestAgentError> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('Unreachable'), ...errors.Unreachable }),
  z.object({ type: z.literal('Refused'), ...errors.Refused }),
  z.object({ type: z.literal('DiskNotFound'), ...errors.DiskNotFound }),
  z.object({ type: z.literal('TrackingLost'), ...errors.TrackingLost }),
  z.object({ type: z.literal('ProtocolViolation'), ...errors.ProtocolViolation }),
]);

/** Reads what a call was answered. */
export function readAnswer<C extends CallName>(call: C, value: unknown): Result<Answers<C>, GuestAgentError> {
  const parsed = calls[call].answers.safeParse(value);
  // The table gives each call its own shape, which the compiler does not follow through an index.
  if (parsed.success) return ok(parsed.data as Answers<C>);
  const [issue] = parsed.error.issues;
  const detail = `${call} was answered with what is not understood (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''})`;
  return err({ type: 'ProtocolViolation', detail });
}

/** Reads what a call asks. The error is a sentence. */
export function readAsked<C extends CallName>(call: C, value: unknown): Result<Asks<C>, string> {
  const parsed = calls[call].asks.safeParse(value);
  if (parsed.success) return ok(parsed.data as Asks<C>);
  const [issue] = parsed.error.issues;
  return err(`${call} asks what is not understood (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''})`);
}
