import { z } from 'zod';
import { diskId, sentinelId } from '#core/ids';
import { err, ok, type Result } from '#core/result';
import { bytes, bytesPerSecond, instant, millis, offset, round } from '#core/units';
import { digestAlgorithms } from '#replicator/pipeline/digest';
import { branded } from './branded.ts';
import { replicationErrorShape } from './error-message.ts';
import { packings } from './frame.ts';
import { guestMessageShapes } from './guest-message.ts';
import { roles } from './role.ts';

/*
 * What peers say in words: everything but bulk. Sent as JSON in `message` frames, checked on arrival.
 *
 *     gateway ──► receiver                          manager ──► gateway
 *     Hello, Welcome                                Hello, Welcome
 *     OpenRound, RoundOpened, frames of data        Run, Progress..., Report     (Limit while it runs)
 *     Complete, Completed                           Compare, Progress..., Compared
 *     OpenCompare, CompareOpened                    Inspect, Inspected
 *     Inspect, Inspected                            Failed instead of an answer
 *     Failed instead of an answer                   and about sentinels: guest-message.ts
 */

/** The versions of the protocol this code speaks. */
export const protocolVersions = { min: 1, max: 1 } as const;
const name = z.string().min(1).max(200);
const longText = z.string().min(1).max(4_096);
// Whether it is a name at all is for the receiver to say, in a sentence.
const targetName = z.string().max(4_096);
const byteCount = branded(bytes, z.number());
const diskName = branded(diskId, z.string());
const roundNumber = branded(round, z.number());
const moment = branded(instant, z.number());
const mode = z.enum(['full', 'changes', 'rescan']);
const limit = z.union([z.literal('unlimited'), branded(bytesPerSecond, z.number())]);
const extent = z.object({ start: branded(offset, z.number()), length: byteCount });
const closed = z.object({ round: z.int().nonnegative(), root: name });

const locator = z.discriminatedUnion('type', [
  z.object({ type: z.literal('nbd'), uri: longText, changesContext: longText.exactOptional() }),
  z.object({ type: z.literal('file'), path: longText }),
  z.object({
    type: z.literal('sentinel'),
    sentinel: branded(sentinelId, z.string()),
    disk: diskName,
    changesOf: z.object({ owner: name, number: z.int().nonnegative() }).exactOptional(),
  }),
]);
const job = z.object({
  session: name,
  disk: diskName,
  round: roundNumber,
  source: locator,
  mode,
  target: targetName,
  overwrite: z.boolean().exactOptional(),
});
const progress = z.object({ done: byteCount, total: byteCount, read: byteCount, sent: byteCount });
const report = z.object({
  session: name,
  disk: diskName,
  round: roundNumber,
  mode,
  size: byteCount,
  bytesRead: byteCount,
  bytesSent: byteCount,
  bytesOnWire: byteCount,
  bytesZeroed: byteCount,
  bytesSame: byteCount,
  bytesResumed: byteCount,
  root: name,
  openedAt: moment,
  duration: branded(millis, z.number()),
});
const comparison = z.discriminatedUnion('equal', [
  z.object({ equal: z.literal(true), root: name, size: byteCount }),
  z.object({ equal: z.literal(false), firstDifference: extent }),
]);
// JSON has no undefined: a key that is not there stands for it.
const replicaProgress = z
  .object({
    size: byteCount,
    complete: z.object({ round: roundNumber, root: name }).optional(),
    open: z.object({ round: roundNumber, mode }).optional(),
  })
  .transform(({ size, complete, open }) => ({ size, complete, open }));
const roundStart = z.discriminatedUnion('type', [
  z.object({ type: z.literal('Complete'), root: name, size: byteCount }),
  z
    .object({ type: z.literal('Open'), openedAt: moment, resumed: z.boolean(), base: closed.optional() })
    .transform(({ type, openedAt, resumed, base }) => ({ type, openedAt, resumed, base })),
]);
const replica = { session: name, disk: diskName, target: targetName };

const messageShape = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('Hello'),
    protocol: z.object({ min: z.int(), max: z.int() }),
    role: z.enum(roles),
    software: name,
    digests: z.array(z.string()).max(20),
    packings: z.array(z.string()).max(20),
  }),
  z.object({
    type: z.literal('Welcome'),
    protocol: z.int(),
    digest: z.enum(digestAlgorithms),
    packing: z.enum(packings),
    software: name,
  }),
  z.object({
    type: z.literal('OpenRound'),
    ...replica,
    size: byteCount,
    round: roundNumber,
    mode,
    overwrite: z.boolean(),
  }),
  z.object({ type: z.literal('RoundOpened'), start: roundStart, digest: z.enum(digestAlgorithms) }),
  z.object({ type: z.literal('OpenCompare'), ...replica, size: byteCount }),
  z.object({ type: z.literal('CompareOpened'), digest: z.enum(digestAlgorithms) }),
  z.object({ type: z.literal('Complete'), root: name }),
  z.object({ type: z.literal('Completed'), root: name }),
  z.object({ type: z.literal('Inspect'), ...replica }),
  z
    .object({ type: z.literal('Inspected'), progress: replicaProgress.optional() })
    .transform(({ type, progress: found }) => ({ type, progress: found })),
  z.object({ type: z.literal('Run'), job, limit }),
  z.object({ type: z.literal('Limit'), limit }),
  z.object({ type: z.literal('Progress'), progress }),
  z.object({ type: z.literal('Report'), report }),
  z.object({ type: z.literal('Compare'), ...replica, source: locator }),
  z.object({ type: z.literal('Compared'), comparison }),
  z.object({ type: z.literal('Failed'), error: replicationErrorShape }),
  ...guestMessageShapes,
]);

/** One thing said. */
export type Message = z.infer<typeof messageShape>;

// Compiled, which checks in a sixth of the time. Peers say thousands of things while a disk is copied.
const compiledMessage = z.compile(messageShape);

/**
 * What was said before and found sound, by its JSON. Each connection begins with the same greeting and each look at a guest is
 * the same question: checking them is most of what they cost. Answers are not kept, since there are secrets among them.
 */
const known = new Map<string, Message>();
const knownMax = 256;
const knownLengthMax = 512;

function remember(json: string, message: Message): void {
  const { type } = message;
  const isRepeated =
    type === 'Hello' ||
    type === 'Welcome' ||
    type === 'AskGuest' ||
    (type === 'GuestAnswered' && message.value === null);
  if (!isRepeated || json.length > knownLengthMax) return;
  if (known.size === knownMax) known.clear();
  known.set(json, message);
}

/** Reads one thing said. What is not understood is refused with the first thing that is wrong. */
export function readMessage(json: string): Result<Message, string> {
  const before = known.get(json);
  if (before) return ok(before);
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // What is not JSON says nothing.
    return err('a message that is not JSON');
  }
  const parsed = compiledMessage.safeParse(value);
  if (parsed.success) {
    remember(json, parsed.data);
    return ok(parsed.data);
  }
  const [issue] = parsed.error.issues;
  return err(`a message that is not understood (${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'})`);
}
