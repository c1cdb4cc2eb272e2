import { err, ok } from '#core/result';
import type {
  ConnectionSecret,
  GatewayConnection,
  GuestEntry,
  GuestNetwork,
  GuestStream,
} from '#replicator/protocol/guest-network';
import type { Face } from './face.ts';
import { listenWith, reach, type Common, type Member } from './handshake.ts';
import type { NetworkWorld } from './hosts.ts';
import { bytesFrom, certificateIn, type SimulatedGateway } from './simulated-identities.ts';

/*
 * Connections of guests to their gateway, in virtual time, as TLS 1.3 makes them: the guest knows the authority and the key of
 * what answers, the gateway what certificate was shown, and both have a secret that is theirs alone.
 *
 * @differs A process that is for gateways and managers is told from one for guests before anything is said.
 */

/** The network as the sentinel of a guest sees it. */
export const guestNetworkOf = (world: NetworkWorld, member: Member): GuestNetwork => ({
  connect: async ({ address, ca, shown }, signal) => {
    const connected = await reach<GatewayConnection>(
      world,
      member,
      address,
      (face, common) => {
        if (face.for !== 'guests' || face.gateway.ca !== ca) return err('self-signed certificate in certificate chain');
        const { gateway, onConnection } = face;
        const certificate = shown && certificateIn(shown.certificate);
        return ok({
          near: ({ stream }) => ({
            ...{ stream, secret: secretOf(common, stream), role: gateway.role, pin: gateway.pin },
          }),
          far: ({ stream }) => {
            const secret = secretOf(common, stream);
            const isGenuine = certificate?.authority === gateway.authority;
            const now = world.clock.now();
            const isTrusted = isGenuine && certificate.fromMs <= now && now < certificate.untilMs;
            onConnection({
              ...{ stream, secret, from: member.host },
              shown: () => certificate && { ...certificate, isGenuine, isTrusted },
            });
          },
        });
      },
      signal,
    );
    if (connected.ok) return connected;
    const { error } = connected;
    if (error.type === 'Cancelled') return err({ type: 'Unreachable', detail: 'stopped' });
    return err({ type: error.type === 'Untrusted' ? 'NotOurGateway' : 'Unreachable', detail: error.detail });
  },
});

/** The network as a gateway sees it where guests come. */
export const guestEntryOf = (world: NetworkWorld, member: Member, gateway: SimulatedGateway): GuestEntry => ({
  listen: async ({ listen, connectionsMax, onConnection }) => {
    const streams = new Set<GuestStream>();
    const face: Face = {
      for: 'guests',
      gateway,
      onConnection: (connection) => {
        const { stream } = connection;
        streams.add(stream);
        stream.on('close', () => streams.delete(stream));
        onConnection(connection);
      },
    };
    const listener = await listenWith(world, member, { listen, connectionsMax }, face);
    if (!listener.ok) return listener;
    const { address, close } = listener.value;
    return ok({
      address,
      close: () => {
        const closed = close();
        for (const stream of [...streams]) stream.destroy();
        return closed;
      },
    });
  },
});

/** What both ends of one connection have of a label, and nobody else. */
const secretOf = ({ rng }: Common, stream: GuestStream): ConnectionSecret => ({
  exportKeyingMaterial: (length, label) => {
    if (stream.destroyed) throw new Error('the connection is gone, and its secret with it');
    return bytesFrom(rng.fork(`secret of ${label}`), length);
  },
});
