import type { Clock } from '#core/clock';
import type { SentinelId } from '#core/ids';
import { err, ok, type Result } from '#core/result';
import { whyNotAdmitted, whyNotEnrolled } from '#core/sentinel/decide';
import type { RefusalReason, SentinelFact, SentinelIdentity } from '#core/sentinel/facts';
import { instant, type Millis } from '#core/units';
import type { VisitorConnection } from '#replicator/protocol/guest-network';
import { fingerprintOf } from '#replicator/sentinel/identity/proof';
import type { SentinelWord } from '#replicator/sentinel/control/words';
import type { GuestAuthority } from './guest-authority.ts';
import type { Registry } from './registry.ts';

/*
 * Who may come in by the guests' port.
 *
 * The layer below asks for a certificate and takes any, or none: a guest that is to be enrolled has none yet, and who shows
 * a wrong one is to be noted. So everything is looked at here: the signature of our authority, the name, the dates, and
 * what the registry knows of it.
 */

/** What the door needs. */
export interface Door {
  readonly registry: Registry;
  readonly authority: GuestAuthority;
  readonly clock: Clock;
  /** How long a certificate of a sentinel is valid. */
  readonly certificateLife: Millis;
}

/** Someone at the door. */
export type Visitor = Pick<VisitorConnection, 'secret' | 'from' | 'shown'>;

/** A refusal, which is in the log already. */
export interface Refusal {
  readonly type: 'NotAdmitted';
  readonly what: 'token' | 'identity';
  readonly why: RefusalReason;
}

/** Who shows a certificate that is accepted at this moment. */
export interface AdmittedIdentity {
  readonly sentinel: SentinelId;
  /** Fingerprint. */
  readonly certificate: string;
}

// A clock in a guest may be behind; a certificate from its tomorrow would be refused without a useful word.
const leeway = 60 * 60 * 1_000;

/** Looks at the certificate of a visitor. Undefined: there is none. */
export async function identityOf(
  { registry, clock }: Door,
  { shown, from }: Visitor,
): Promise<Result<AdmittedIdentity, Refusal> | undefined> {
  const certificate = shown();
  if (!certificate) return undefined;
  const sentinel = certificate.isGenuine ? certificate.sentinel : undefined;
  const refuse = async (why: RefusalReason): Promise<Result<never, Refusal>> => {
    const refusal = { what: 'identity', why, from } as const;
    if (sentinel && registry.all().has(sentinel))
      await registry.command(sentinel, { type: 'RefuseSentinel', data: refusal }, `guest ${from}`);
    else await registry.refuseStranger(refusal);
    return err({ type: 'NotAdmitted', what: 'identity', why });
  };
  if (!sentinel) return refuse('foreign');
  const at = clock.now();
  const { fingerprint, fromMs, untilMs, isTrusted } = certificate;
  const why = whyNotAdmitted(registry.state(sentinel), { certificate: fingerprint, at });
  if (why) return refuse(why);
  if (untilMs <= at || fromMs > at + leeway) return refuse('expired');
  // The last word is that of who secured the connection, who knows of what could be wrong with a certificate more than we do.
  return isTrusted ? ok({ sentinel, certificate: fingerprint }) : refuse('foreign');
}

/** What a visitor with a token gets. */
export interface Enrolment {
  readonly sentinel: SentinelId;
  /** What its guest keeps. */
  readonly certificate: string;
}

/** Enrols who shows a token and proves to have a key. */
export async function enrol(
  door: Door,
  { secret, from }: Visitor,
  word: Extract<SentinelWord, { type: 'Enrol' }>,
): Promise<Result<Enrolment, Refusal>> {
  const { registry, authority, clock } = door;
  const refused = (why: RefusalReason): Result<never, Refusal> => err({ type: 'NotAdmitted', what: 'token', why });
  const tokenHash = fingerprintOf(word.token);
  const sentinel = [...registry.all()].find(([, { snapshot }]) => snapshot.context.token?.hash === tokenHash)?.[0];
  if (!sentinel) {
    await registry.refuseStranger({ what: 'token', why: 'unknown', from });
    return refused('unknown');
  }
  const publicKey = Buffer.from(word.publicKey, 'base64');
  const note = async (why: RefusalReason): Promise<Result<never, Refusal>> => {
    await registry.command(sentinel, { type: 'RefuseSentinel', data: { what: 'token', why, from } }, `guest ${from}`);
    return refused(why);
  };
  if (!authority.isProven(secret, 'enrol', publicKey, Buffer.from(word.proof, 'base64'))) return note('unproven');
  const shown = { tokenHash, publicKey: fingerprintOf(publicKey), at: clock.now() };
  const why = whyNotEnrolled(registry.state(sentinel), shown);
  if (why) return note(why);
  const { identity, text } = await issue(door, sentinel, publicKey);
  const hostname = word.hostname.slice(0, 253);
  const decided = await registry.command(
    sentinel,
    { type: 'EnrolSentinel', data: { tokenHash, identity, hostname, from, at: shown.at } },
    `guest ${from}`,
  );
  // Judged again in its turn: another guest with the same token may have come between.
  const refusal = decided.ok ? refusalIn(decided.value) : ('unknown' as const);
  return refusal ? refused(refusal) : ok({ sentinel, certificate: text });
}

/** Issues a certificate for the next key of a sentinel that is connected. The error is for it to read. */
export async function rotate(
  door: Door,
  { secret, from }: Visitor,
  sentinel: SentinelId,
  word: Extract<SentinelWord, { type: 'Rotate' }>,
): Promise<Result<string, string>> {
  const publicKey = Buffer.from(word.publicKey, 'base64');
  if (!door.authority.isProven(secret, 'rotate', publicKey, Buffer.from(word.proof, 'base64'))) {
    const refusal = { what: 'identity', why: 'unproven', from } as const;
    await door.registry.command(sentinel, { type: 'RefuseSentinel', data: refusal }, `guest ${from}`);
    return err('it has not proven to have the key');
  }
  const { identity, text } = await issue(door, sentinel, publicKey);
  const noted = await door.registry.command(
    sentinel,
    { type: 'RotateCertificate', data: { identity } },
    `guest ${from}`,
  );
  return noted.ok ? ok(text) : err(noted.error.type);
}

async function issue(
  { authority, clock, certificateLife }: Door,
  sentinel: SentinelId,
  publicKey: Buffer,
): Promise<{ readonly identity: SentinelIdentity; readonly text: string }> {
  const now = clock.now();
  // Certificates count in seconds.
  const untilMs = Math.floor((now + certificateLife) / 1_000) * 1_000;
  const { text, fingerprint } = await authority.issue(sentinel, publicKey, { fromMs: now - leeway, untilMs });
  const validUntil = instant(untilMs);
  return { identity: { publicKey: fingerprintOf(publicKey), certificate: fingerprint, validUntil }, text };
}

/** Why the one the facts are about was refused, if it was. */
export function refusalIn(facts: readonly SentinelFact[]): RefusalReason | undefined {
  const refused = facts.find((fact) => fact.type === 'SentinelRefused');
  return refused?.type === 'SentinelRefused' ? refused.data.why : undefined;
}
