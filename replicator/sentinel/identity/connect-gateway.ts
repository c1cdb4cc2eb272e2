import { connect, type TLSSocket } from 'node:tls';
import type { KeyObject } from 'node:crypto';
import type { Clock } from '#core/clock';
import { err, ok, type Result } from '#core/result';
import { parseAddress } from '#replicator/protocol/address';
import { roleIn } from '#replicator/protocol/role';
import { isNetworkError, securedSocket } from '#replicator/protocol/secured-socket';
import { tlsOptions } from '#replicator/protocol/tls-options';
import { wallClock } from '#replicator/wall-clock';
import type { HeldIdentity, SentinelConfig } from './guest-identity.ts';
import { fingerprintOf } from './proof.ts';

/** Why there is no connection. */
export type GatewayError =
  | { readonly type: 'Unreachable'; readonly detail: string }
  /** Something answers that is not our gateway. Nothing was said to it. */
  | { readonly type: 'NotOurGateway'; readonly detail: string }
  /** Our gateway does not want us, and says why. `final`: asking again is of no use. */
  | { readonly type: 'Refused'; readonly why: string; readonly detail: string; readonly final: boolean };

/**
 * Connects to the gateway, with a certificate once there is one. It is known by its authority, its role and the
 * fingerprint of its key, not by its name: in a guest, names and addresses of gateways are whatever the network says.
 */
export function connectGateway(
  { gateway, ca, pins }: SentinelConfig,
  identity: HeldIdentity | undefined,
  signal?: AbortSignal,
  clock: Clock = wallClock,
): Promise<Result<TLSSocket, GatewayError>> {
  const address = parseAddress(gateway);
  if (!address.ok) return Promise.resolve(err({ type: 'Unreachable', detail: address.error }));
  const shown = identity && { cert: identity.certificate, key: pemOf(identity.key) };
  const socket = connect({
    ...tlsOptions,
    ...address.value,
    ca,
    ...shown,
    rejectUnauthorized: true,
    checkServerIdentity: () => undefined,
  });
  return securedSocket<GatewayError>(socket, clock, signal, {
    secured: () => pinned(socket, pins),
    failed: connectError,
    late: (detail) => ({ type: 'Unreachable', detail }),
    cancelled: () => ({ type: 'Unreachable', detail: 'stopped' }),
  });
}

const pemOf = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

function pinned(socket: TLSSocket, pins: readonly string[]): Result<TLSSocket, GatewayError> {
  const certificate = socket.getPeerX509Certificate();
  const not = (detail: string): Result<never, GatewayError> => err({ type: 'NotOurGateway', detail });
  if (!certificate || roleIn(certificate) !== 'gateway') return not('it shows no certificate of a gateway');
  const fingerprint = fingerprintOf(certificate.publicKey.export({ type: 'spki', format: 'der' }));
  return pins.includes(fingerprint) ? ok(socket) : not(`its key is another one (${fingerprint})`);
}

function connectError(cause: Error): GatewayError {
  return { type: isNetworkError(cause) ? 'Unreachable' : 'NotOurGateway', detail: cause.message };
}

/** One sentence for a person at the guest. */
export function describeGatewayError(error: GatewayError): string {
  switch (error.type) {
    case 'Unreachable':
      return `the gateway cannot be reached: ${error.detail}`;
    case 'NotOurGateway':
      return `what answers is not the gateway of this sentinel: ${error.detail}`;
    case 'Refused':
      return `the gateway refused this sentinel (${error.why}): ${error.detail}`;
  }
}
