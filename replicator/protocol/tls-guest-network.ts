import type { X509Certificate } from 'node:crypto';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '#core/clock';
import { err, ok, type Result } from '#core/result';
import { fingerprintOf } from '#replicator/sentinel/identity/proof';
import { parseAddress } from './address.ts';
import { cipherOrder } from './cipher-order.ts';
import type { GatewayConnection, GatewayWanted, GuestConnectError, GuestNetwork } from './guest-network.ts';
import { roleIn } from './role.ts';
import { isNetworkError, securedSocket } from './secured-socket.ts';
import { tlsOptions } from './tls-options.ts';

/** The real network of a guest: TLS 1.3, with the cipher that is quickest on this machine, if the gateway has it too. */
export const tlsGuestNetwork = (clock: Clock): GuestNetwork => ({
  connect: (wanted, signal) => connect(clock, wanted, signal),
});

let order: string | undefined;
/** Once a process: its processor does not change. */
const ciphersHere = (): string => (order ??= cipherOrder());

async function connect(
  clock: Clock,
  { address, ca, shown }: GatewayWanted,
  signal: AbortSignal | undefined,
): Promise<Result<GatewayConnection, GuestConnectError>> {
  const parsed = parseAddress(address);
  if (!parsed.ok) return err({ type: 'Unreachable', detail: parsed.error });
  const socket = connectTls({
    ...tlsOptions,
    ciphers: ciphersHere(),
    ...parsed.value,
    ca,
    ...(shown && { cert: shown.certificate, key: shown.key }),
    rejectUnauthorized: true,
    checkServerIdentity: () => undefined,
  });
  const secured = await securedSocket<GuestConnectError>(socket, clock, signal, {
    secured: () => ok(socket),
    failed: (cause) => ({ type: isNetworkError(cause) ? 'Unreachable' : 'NotOurGateway', detail: cause.message }),
    late: (detail) => ({ type: 'Unreachable', detail }),
    cancelled: () => ({ type: 'Unreachable', detail: 'stopped' }),
  });
  if (!secured.ok) return secured;
  const certificate = socket.getPeerX509Certificate();
  socket.setNoDelay(true);
  if (certificate) return ok({ stream: socket, secret: socket, role: roleIn(certificate), pin: pinOf(certificate) });
  socket.destroy();
  return err({ type: 'NotOurGateway', detail: 'it shows no certificate' });
}

/** What a gateway is known by in its guests: the fingerprint of its public key. */
export const pinOf = (certificate: X509Certificate): string =>
  fingerprintOf(certificate.publicKey.export({ type: 'spki', format: 'der' }));
