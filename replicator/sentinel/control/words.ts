import { z } from 'zod';
import { sentinelId } from '#core/ids';
import { err, ok, type Result } from '#core/result';
import { bytes, instant, millis } from '#core/units';
import { branded } from '#replicator/protocol/branded';
import { callNames, guestAgentErrorShape, type CallName } from './calls.ts';

/*
 * What sentinels and gateways say to each other.
 *
 *     sentinel ──► gateway                                  gateway ──► sentinel
 *     Enrol      a token, and proof of having a key         Enrolled   the certificate; or Refused
 *     Hello      who it is and what it can                  Admitted   how often to be heard; or Refused
 *     Heartbeat                                             Alive      the answer to each
 *     Rotate     proof of having a new key                  Rotated    the certificate for it
 *     Answer                                                Ask
 *     Goodbye    it goes on purpose, and why                Goodbye    the gateway stops
 *     Failed     the other side broke a rule                Failed
 */

/** The versions of these words that this code speaks. */
export const controlVersions = { min: 1, max: 1 } as const;

const text = z.string().max(4_096);
const name = z.string().min(1).max(200);
const natural = z.int().nonnegative();
// A key on P-256 has 91 bytes, a signature at most 72; PEM certificates of ours about 900.
const base64 = z.base64().max(1_024);
const pem = z.string().max(16_384);

/** Where its guest stands: an ordinary source; a source at rest; a replica that was launched. */
const stages = ['source', 'quiesced', 'test', 'target'] as const;

/** How a sentinel and its guest fare. */
export const heartbeatShape = z.object({
  at: branded(instant, z.number()),
  stage: z.enum(stages),
  /** How old the oldest change is that was not read; undefined where nothing is tracked. */
  lag: branded(millis, z.number()).exactOptional(),
  /** Bytes that marks have recorded and that were not read. */
  backlog: branded(bytes, z.number()).exactOptional(),
  /** The load average of one minute, and how many processors there are. */
  load: z.number().nonnegative(),
  processors: natural,
  memory: z.object({ total: branded(bytes, z.number()), available: branded(bytes, z.number()) }),
  /** Of the sentinel itself: resident memory, and processor time since it began. */
  own: z.object({ memory: branded(bytes, z.number()), cpu: branded(millis, z.number()) }),
});
/** How a sentinel and its guest fare. */
export type Heartbeat = z.output<typeof heartbeatShape>;

const sentinelWords = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('Enrol'),
    protocol: z.object({ min: natural, max: natural }),
    /** The token itself. Said once, never logged. */
    token: name,
    publicKey: base64,
    proof: base64,
    hostname: text,
    version: name,
  }),
  z.object({
    type: z.literal('Hello'),
    protocol: z.object({ min: natural, max: natural }),
    connection: z.enum(['control', 'data']),
    sentinel: branded(sentinelId, z.string()),
    version: name,
    bootId: name,
    /** Made anew by each start of the process: marks of another one are lost. */
    run: name,
    stage: z.enum(stages),
    can: z.array(name).max(100),
  }),
  z.object({ type: z.literal('Heartbeat'), heartbeat: heartbeatShape }),
  z.object({ type: z.literal('Rotate'), publicKey: base64, proof: base64 }),
  z.object({ type: z.literal('Answer'), id: natural, value: z.unknown() }),
  z.object({ type: z.literal('AnswerFailed'), id: natural, error: guestAgentErrorShape }),
  z.object({ type: z.literal('Goodbye'), why: text }),
  z.object({ type: z.literal('Failed'), detail: text }),
]);
/** One thing a sentinel says. */
export type SentinelWord = z.output<typeof sentinelWords>;

const gatewayWords = z.discriminatedUnion('type', [
  z.object({ type: z.literal('Enrolled'), sentinel: branded(sentinelId, z.string()), certificate: pem }),
  z.object({
    type: z.literal('Admitted'),
    protocol: natural,
    /** How often the gateway wants to be told; after how much silence either side gives the other up. */
    heartbeat: branded(millis, z.number()),
    silence: branded(millis, z.number()),
  }),
  /** Whoever is refused learns no more than what helps a person at the guest. */
  z.object({ type: z.literal('Refused'), why: name, detail: text, final: z.boolean() }),
  z.object({ type: z.literal('Alive') }),
  z.object({ type: z.literal('Rotated'), certificate: pem }),
  z.object({ type: z.literal('Ask'), id: natural, call: z.enum(callNames as readonly [CallName]), asks: z.unknown() }),
  z.object({ type: z.literal('Goodbye'), why: text }),
  z.object({ type: z.literal('Failed'), detail: text }),
]);
/** One thing a gateway says. */
export type GatewayWord = z.output<typeof gatewayWords>;

// Compiled, which checks in a sixth of the time: a sentinel says something every few seconds for weeks.
const compiledSentinelWords = z.compile(sentinelWords);
const compiledGatewayWords = z.compile(gatewayWords);

/** Reads what a sentinel said. The error is a sentence. */
export const readSentinelWord = (json: string): Result<SentinelWord, string> => read(compiledSentinelWords, json);
/** Reads what a gateway said. The error is a sentence. */
export const readGatewayWord = (json: string): Result<GatewayWord, string> => read(compiledGatewayWords, json);

function read<T>(shape: z.ZodType<T>, json: string): Result<T, string> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return err('a message that is not JSON');
  }
  const parsed = shape.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  const [issue] = parsed.error.issues;
  return err(`a message that is not understood (${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'})`);
}

/** The newest version of the words that both sides speak; undefined if there is none. */
export function agreedVersion(offered: { readonly min: number; readonly max: number }): number | undefined {
  const version = Math.min(controlVersions.max, offered.max);
  return version >= controlVersions.min && version >= offered.min ? version : undefined;
}
