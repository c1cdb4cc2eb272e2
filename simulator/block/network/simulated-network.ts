import { invariant } from '#core/invariant';
import { err, ok } from '#core/result';
import type { GuestEntry, GuestNetwork } from '#replicator/protocol/guest-network';
import type { Network, SecuredConnection } from '#replicator/protocol/network';
import type { Role } from '#replicator/protocol/role';
import type { SimulatedProcess } from '#simulator/block/process';
import { collectedMemory } from '#simulator/block/world-memory';
import { listenWith, reach, type Member } from './handshake.ts';
import { between, hostOf, type NetworkWorld, type SimulatedNetworkOptions } from './hosts.ts';
import type { Link } from './link.ts';
import { pieceMemory } from './piece-memory.ts';
import { guestEntryOf, guestNetworkOf } from './simulated-guest-network.ts';
import type { SimulatedGateway } from './simulated-identities.ts';
import type { StreamEnd } from './stream-end.ts';

/*
 * Hosts, the links between them, and connections over those, in virtual time.
 *
 * What TCP and TLS promise is kept: bytes arrive in order or not at all, whoever writes faster than the other reads has to
 * wait, and both ends know who the other is. What they do not promise happens: bytes come in pieces of any length, a lost
 * connection is noticed late, at one end first, or by silence only.
 */

/** The network of a simulated world, with what can go wrong in it. */
export interface SimulatedNetwork {
  /** The network as a process on a host sees it. It shows one role, and dies with the process. */
  network(process: SimulatedProcess, host: string, role: Role): Network;
  /** The network as the sentinel of a guest sees it, which dies with the process. */
  guestNetwork(process: SimulatedProcess, host: string): GuestNetwork;
  /** The network as a gateway sees it where guests come. */
  guestEntry(process: SimulatedProcess, host: string, gateway: SimulatedGateway): GuestEntry;
  /** What two hosts have between them; one host and itself, too. */
  link(a: string, b: string): Link;
  /** Resets what is connected over a link, at each end at a moment of its own. New connections are not concerned. */
  cut(a: string, b: string): void;
  /** What is connected over a link carries nothing any more, and nobody hears of it. New connections are not concerned. */
  stall(a: string, b: string): void;
  /** The power of a host is gone, or it hangs for good: nothing of what is on it says another word. */
  crash(host: string): void;
  /** It is up again, with nothing on it: whoever goes on with a connection of before is answered with a reset. */
  start(host: string): void;
  isUp(host: string): boolean;
}

/** A network without hosts: those that are named are up. */
export function simulatedNetwork(options: SimulatedNetworkOptions): SimulatedNetwork {
  const world: NetworkWorld = {
    ...options,
    pieces: pieceMemory(options.memory ?? collectedMemory),
    hosts: new Map(),
    links: new Map(),
  };
  const linksOf = (host: string): readonly Link[] =>
    [...world.links].flatMap(([name, { link: found }]) => (name.split(' ').includes(host) ? [found] : []));
  return {
    network: (process, host, role) => peerNetwork(world, memberOn(process, host), role),
    guestNetwork: (process, host) => guestNetworkOf(world, memberOn(process, host)),
    guestEntry: (process, host, gateway) => guestEntryOf(world, memberOn(process, host), gateway),
    link: (a, b) => between(world, a, b).link,
    cut: (a, b) => {
      for (const connection of [...between(world, a, b).connections]) connection.cut();
    },
    stall: (a, b) => {
      for (const connection of [...between(world, a, b).connections]) connection.stall();
    },
    crash: (name) => {
      const host = hostOf(world, name);
      host.isUp = false;
      host.listeners.clear();
      for (const { connections } of world.links.values())
        for (const connection of [...connections]) connection.vanish(name);
    },
    start: (name) => {
      hostOf(world, name).isUp = true;
      for (const found of linksOf(name)) found.retry();
    },
    isUp: (name) => hostOf(world, name).isUp,
  };
}

function memberOn(process: SimulatedProcess, host: string): Member {
  invariant(!host.includes(' '), 'the name of a host has no space in it');
  return { process, host };
}

function peerNetwork(world: NetworkWorld, member: Member, role: Role): Network {
  const secured = ({ stream, readInto }: StreamEnd, from: string, shown: Role): SecuredConnection => ({
    ...{ stream, shown, from, readInto },
  });
  return {
    role,
    connect: (address, signal) =>
      reach(
        world,
        member,
        address,
        (face) => {
          if (face.for !== 'peers') return err('what answers there shows another authority');
          const { onConnection } = face;
          return ok({
            near: (end) => secured(end, address, face.role),
            far: (end) => onConnection(secured(end, member.host, role)),
          });
        },
        signal,
      ),
    listen: ({ listen, connectionsMax, onConnection }) =>
      listenWith(world, member, { listen, connectionsMax }, { for: 'peers', role, onConnection }),
  };
}
