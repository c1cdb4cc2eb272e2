import { z } from 'zod';
import { sentinelId } from '#core/ids';
import { instant, millis } from '#core/units';
import { callNames, guestAgentErrorShape, type CallName } from '#replicator/sentinel/control/calls';
import { heartbeatShape } from '#replicator/sentinel/control/words';
import { branded } from './branded.ts';

/*
 * What managers and gateways say about sentinels. Each question has one answer, on a connection of its own:
 *
 *     AskGuest         GuestAnswered or GuestFailed      one call of `GuestAgent`, carried on to the guest
 *     ListSentinels    Sentinels
 *     InviteSentinel   Invited                           has the token: said to a manager, once, and kept nowhere
 *     RevokeSentinel, UpgradeSentinel, UninstallSentinel    SentinelDone
 *     any              Denied                            with a sentence that says why
 */

const name = z.string().min(1).max(200);
const text = z.string().max(4_096);
const sentinel = branded(sentinelId, z.string());
const moment = branded(instant, z.number());

const summary = z.object({
  id: sentinel,
  state: name,
  hostname: text.exactOptional(),
  version: name.exactOptional(),
  refusals: z.int().nonnegative(),
  certificateUntil: moment.exactOptional(),
  heartbeat: heartbeatShape.exactOptional(),
});
/** One sentinel as an operator sees it. */
export type SentinelSummary = z.output<typeof summary>;

const secrets = z.object({
  sentinel,
  /** Said here once and kept nowhere. */
  token: name,
  tokenValidUntil: moment,
  /** The authority of the gateway, PEM. */
  ca: z.string().max(16_384),
  /** SHA-256 in hex of the public key (SPKI, DER) of the gateway. */
  pins: z.array(z.string().max(64)).max(8),
  /** Where the guests' port listens. */
  guests: name,
});
/** What a bundle is made of, beside the program. */
export type BundleSecrets = z.output<typeof secrets>;

/** The messages about sentinels, for the list of all. */
export const guestMessageShapes = [
  z.object({
    type: z.literal('AskGuest'),
    sentinel,
    call: z.enum(callNames as readonly [CallName]),
    asks: z.unknown(),
  }),
  z.object({ type: z.literal('GuestAnswered'), value: z.unknown() }),
  z.object({ type: z.literal('GuestFailed'), error: guestAgentErrorShape }),
  z.object({ type: z.literal('ListSentinels') }),
  z.object({ type: z.literal('Sentinels'), sentinels: z.array(summary).max(10_000) }),
  z.object({
    type: z.literal('InviteSentinel'),
    sentinel: sentinel.exactOptional(),
    os: z.literal('linux'),
    standalone: z.boolean(),
    valid: branded(millis, z.number()),
    by: name,
  }),
  z.object({ type: z.literal('Invited'), secrets }),
  z.object({ type: z.literal('RevokeSentinel'), sentinel, reason: text, by: name }),
  z.object({ type: z.literal('UpgradeSentinel'), sentinel, by: name }),
  z.object({ type: z.literal('UninstallSentinel'), sentinel, by: name }),
  z.object({ type: z.literal('SentinelDone'), detail: text }),
  z.object({ type: z.literal('Denied'), detail: text }),
] as const;
