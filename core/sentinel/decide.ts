import { unreachable } from '#core/invariant';
import { stateName } from '#core/migration/abilities';
import { err, ok, type Result } from '#core/result';
import type { Instant } from '#core/units';
import type { SentinelCommand, SentinelRejection } from './commands.ts';
import { canTakeSentinel, type SentinelState } from './evolve.ts';
import type { RefusalReason, SentinelFact } from './facts.ts';

/** Where a sentinel stands, as text: `enrolled.connected`. */
export const sentinelStateName = (state: SentinelState): string => stateName(state.snapshot.value);

/**
 * What a command leads to, or why not. Pure. Who shows a token or a certificate that is not accepted gets the fact
 * `SentinelRefused`: whoever is at the door is never told more than that, and the log is.
 */
export function decideSentinel(
  command: SentinelCommand,
  state: SentinelState,
): Result<readonly SentinelFact[], SentinelRejection> {
  const fact = factOf(command, state);
  if (canTakeSentinel(state, fact)) return ok([fact]);
  if (command.type === 'MakeBundle') return err({ type: 'SentinelEnrolledAlready' });
  return err({ type: 'SentinelNotNow', command: command.type, state: sentinelStateName(state) });
}

/** Whether it was asked to take itself off its guest, and was not heard of since. */
export const mayBeUninstalled = ({ snapshot }: SentinelState): boolean => snapshot.context.uninstall !== null;

/** Why a certificate is not accepted now; undefined if it is. */
export function whyNotAdmitted(
  { snapshot }: SentinelState,
  { certificate, at }: { readonly certificate: string; readonly at: Instant },
): RefusalReason | undefined {
  if (snapshot.matches('revoked')) return 'revoked';
  if (snapshot.matches('uninstalled')) return 'uninstalled';
  if (!snapshot.hasTag('admitted')) return 'unknown';
  const known = snapshot.context.identities.find((identity) => identity.certificate === certificate);
  if (!known) return 'superseded';
  return known.validUntil <= at ? 'expired' : undefined;
}

/** Why a token does not enrol this key now; undefined if it does. Used again by the key that used it, it is no replay. */
export function whyNotEnrolled(
  { snapshot }: SentinelState,
  { tokenHash, publicKey, at }: { readonly tokenHash: string; readonly publicKey: string; readonly at: Instant },
): RefusalReason | undefined {
  if (snapshot.matches('revoked')) return 'revoked';
  if (snapshot.matches('uninstalled')) return 'uninstalled';
  const { token } = snapshot.context;
  if (!token || token.hash !== tokenHash) return 'unknown';
  if (token.usedBy !== null && token.usedBy !== publicKey) return 'replayed';
  return token.validUntil <= at ? 'expired' : undefined;
}

const connectionOf = ({ snapshot }: SentinelState): number => snapshot.context.connections;

function factOf(command: SentinelCommand, state: SentinelState): SentinelFact {
  switch (command.type) {
    case 'MakeBundle':
      return { type: 'BundleMade', data: command.data };
    case 'EnrolSentinel': {
      const { tokenHash, identity, hostname, from, at } = command.data;
      const why = whyNotEnrolled(state, { tokenHash, publicKey: identity.publicKey, at });
      if (why) return { type: 'SentinelRefused', data: { what: 'token', why, from } };
      // The answer to the first time was lost: the same guest is given another certificate for the same key.
      if (state.snapshot.hasTag('admitted')) return { type: 'CertificateRotated', data: { identity } };
      return { type: 'SentinelEnrolled', data: { identity, hostname, from } };
    }
    case 'AdmitSentinel': {
      const { certificate, version, bootId, from } = command.data;
      const why = whyNotAdmitted(state, command.data);
      if (why) return { type: 'SentinelRefused', data: { what: 'identity', why, from } };
      const connection = state.snapshot.context.connections + 1;
      return { type: 'SentinelConnected', data: { connection, certificate, version, bootId, from } };
    }
    case 'RotateCertificate':
      return { type: 'CertificateRotated', data: command.data };
    case 'NoteLoss':
      return { type: 'SentinelLost', data: command.data };
    case 'RefuseSentinel':
      return { type: 'SentinelRefused', data: command.data };
    case 'RevokeSentinel':
      return { type: 'SentinelRevoked', data: command.data };
    case 'NoteUpgrade':
      return { type: 'SentinelUpgraded', data: command.data };
    case 'RequestUninstall':
      return { type: 'UninstallRequested', data: { connection: connectionOf(state), by: command.data.by } };
    case 'NoteUninstallRefused':
      return { type: 'UninstallRefused', data: { connection: connectionOf(state), why: command.data.why } };
    case 'NoteUninstallUnconfirmed':
      return { type: 'UninstallUnconfirmed', data: { connection: connectionOf(state), why: command.data.why } };
    case 'NoteUninstall':
      return { type: 'SentinelUninstalled', data: command.data };
    default:
      return unreachable(command);
  }
}
