import { err, type Result } from '#core/result';
import type { GatewayConnection, GuestConnectError, GuestNetwork } from '#replicator/protocol/guest-network';
import type { HeldIdentity, SentinelConfig } from './guest-identity.ts';

/** Why there is no connection. */
export type GatewayError =
  | GuestConnectError
  /** Our gateway does not want us, and says why. `final`: asking again is of no use. */
  | { readonly type: 'Refused'; readonly why: string; readonly detail: string; readonly final: boolean };

/**
 * Connects to the gateway, with a certificate once there is one. It is known by its authority, its role and the
 * fingerprint of its key, not by its name: in a guest, names and addresses of gateways are whatever the network says.
 */
export async function connectGateway(
  network: GuestNetwork,
  { gateway, ca, pins }: SentinelConfig,
  identity: HeldIdentity | undefined,
  signal?: AbortSignal,
): Promise<Result<GatewayConnection, GatewayError>> {
  const shown = identity && { certificate: identity.certificate, key: identity.key.text };
  const connected = await network.connect({ address: gateway, ca, shown }, signal);
  if (!connected.ok) return connected;
  const why = whyNotOurs(connected.value, pins);
  if (why === undefined) return connected;
  const { stream } = connected.value;
  // What else goes wrong with a connection that nobody has any more is of no interest.
  stream.on('error', () => undefined);
  stream.destroy();
  return err({ type: 'NotOurGateway', detail: why });
}

function whyNotOurs({ role, pin }: GatewayConnection, pins: readonly string[]): string | undefined {
  if (role !== 'gateway') return 'it shows no certificate of a gateway';
  return pins.includes(pin) ? undefined : `its key is another one (${pin})`;
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
