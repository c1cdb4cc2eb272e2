import { invariant } from '#core/invariant';
import type { Rng } from '#core/rng';
import { err, ok } from '#core/result';
import { after, seconds } from '#core/units';
import { formatAddress, parseAddress } from '#replicator/protocol/address';
import type { ListenOptions, Network } from '#replicator/protocol/network';
import type { Role } from '#replicator/protocol/role';
import { connectMax } from '#replicator/protocol/tls-options';
import type { SimulatedProcess } from '#simulator/block/process';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { connectionBetween, type SimulatedConnection } from './connection.ts';
import { link, linkNear, linkWithin, type Link, type LinkTerms } from './link.ts';

/*
 * Hosts, the links between them, and connections over those, in virtual time.
 *
 * What TCP and TLS promise is kept: bytes arrive in order or not at all, whoever writes faster than the other reads has to
 * wait, and both ends know who the other is. What they do not promise happens: bytes come in pieces of any length, a lost
 * connection is noticed late, at one end first, or by silence only.
 */

/** Notes what chance decided. */
export type Note = (label: string, value: string | number | boolean) => void;

/** What a simulated network is made of. */
export interface SimulatedNetworkOptions {
  readonly clock: SimulatedClock;
  readonly rng: Rng;
  readonly note: Note;
  /** How links are that are told nothing else. */
  readonly terms?: LinkTerms;
}

/** The network of a simulated world, with what can go wrong in it. */
export interface SimulatedNetwork {
  /** The network as a process on a host sees it. It shows one role, and dies with the process. */
  network(process: SimulatedProcess, host: string, role: Role): Network;
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

interface Host {
  isUp: boolean;
  readonly listeners: Map<number, Listening>;
  nextPort: number;
}

interface Listening {
  readonly process: SimulatedProcess;
  readonly role: Role;
  readonly options: ListenOptions;
  readonly connections: Set<SimulatedConnection>;
  onQuiet: (() => void) | undefined;
}

/** What all parts of one network share. */
interface World extends SimulatedNetworkOptions {
  readonly hosts: Map<string, Host>;
  readonly links: Map<string, { readonly link: Link; readonly connections: Set<SimulatedConnection>; count: number }>;
}

/** Where, as on Linux, free ports begin. */
const firstFreePort = 32_768;
// A packet that was lost on the way to a connection is sent again after so long.
const knockAgain = seconds(1);
// What the steps of a TCP and TLS 1.3 handshake weigh, there and back in turn.
const handshake = [64, 64, 512, 2_560] as const;
const handshakeEnd = 2_048;

/** A network without hosts: those that are named are up. */
export function simulatedNetwork(options: SimulatedNetworkOptions): SimulatedNetwork {
  const world: World = { ...options, hosts: new Map(), links: new Map() };
  const linksOf = (host: string): readonly Link[] =>
    [...world.links].flatMap(([name, { link: found }]) => (name.split(' ').includes(host) ? [found] : []));
  return {
    network: (process, host, role) => {
      invariant(!host.includes(' '), 'the name of a host has no space in it');
      return {
        role,
        connect: (address, signal) => connect(world, { process, host, role }, address, signal),
        listen: (wanted) => listen(world, { process, host, role }, wanted),
      };
    },
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

function hostOf(world: World, name: string): Host {
  const known = world.hosts.get(name);
  if (known) return known;
  const host: Host = { isUp: true, listeners: new Map(), nextPort: firstFreePort };
  world.hosts.set(name, host);
  return host;
}

function between(world: World, a: string, b: string) {
  const ends = a <= b ? ([a, b] as const) : ([b, a] as const);
  const name = ends.join(' ');
  const known = world.links.get(name);
  if (known) return known;
  const terms = a === b ? linkWithin : (world.terms ?? linkNear);
  const made = {
    link: link(world.clock, ends, (host) => hostOf(world, host).isUp, terms),
    connections: new Set<SimulatedConnection>(),
    count: 0,
  };
  world.links.set(name, made);
  return made;
}

/** Whose network it is. */
interface Member {
  readonly process: SimulatedProcess;
  readonly host: string;
  readonly role: Role;
}

const never = <T>(): Promise<T> => new Promise(() => undefined);

function connect(world: World, member: Member, address: string, signal?: AbortSignal): ReturnType<Network['connect']> {
  const parsed = parseAddress(address);
  if (!parsed.ok) return Promise.resolve(err({ type: 'Unreachable', detail: parsed.error }));
  if (signal?.aborted) return Promise.resolve(err({ type: 'Cancelled' }));
  if (!member.process.isAlive()) return never();
  return new Promise((resolve) => {
    let settled = false;
    const settle: typeof resolve = (outcome) => {
      if (settled) return;
      settled = true;
      givesUp.cancel();
      signal?.removeEventListener('abort', cancel);
      if (member.process.isAlive()) resolve(outcome);
    };
    const cancel = (): void => settle(err({ type: 'Cancelled' }));
    const late = `no answer within ${connectMax / 1_000} s`;
    const giveUp = (): void => settle(err({ type: 'Unreachable', detail: late }));
    const givesUp = world.clock.schedule(after(world.clock.now(), connectMax), giveUp);
    signal?.addEventListener('abort', cancel);
    knock(world, member, parsed.value, { isOver: () => settled || !member.process.isAlive(), settle });
  });
}

interface Knocking {
  /** Nobody waits for it any more. */
  isOver(): boolean;
  readonly settle: (outcome: Awaited<ReturnType<Network['connect']>>) => void;
}

/** The handshake, step by step: a step that is lost is made again until nobody waits for it any more. */
function knock(world: World, member: Member, to: { readonly host: string; readonly port: number }, knocking: Knocking) {
  const { clock } = world;
  const way = between(world, member.host, to.host);
  way.count += 1;
  const name = `${member.host} to ${to.host} ${way.count}`;
  const rng = world.rng.fork(name);
  const address = formatAddress(to);
  const step = (from: string, count: number, then: () => void): void => {
    const direction = way.link.from(from);
    clock.schedule(direction.arrival(count, rng), () => {
      if (knocking.isOver()) return;
      if (direction.passes()) return then();
      clock.schedule(after(clock.now(), knockAgain), () => void (knocking.isOver() || step(from, count, then)));
    });
  };
  const listening = (): Listening | undefined => hostOf(world, to.host).listeners.get(to.port);
  const fail = (detail: string): void =>
    step(to.host, handshake[1], () => knocking.settle(err({ type: 'Unreachable', detail })));
  const greetedBy = (host: Listening): void => {
    const gone = new Set<'near' | 'far'>();
    const made = connectionBetween({
      ...world,
      rng,
      name,
      link: way.link,
      near: member,
      far: { process: host.process, host: to.host, role: host.role },
      isUp: (which) => hostOf(world, which).isUp,
      onGone: (end) => {
        gone.add(end);
        if (gone.size === 2) way.connections.delete(made);
        if (end === 'near') return;
        host.connections.delete(made);
        if (host.connections.size === 0) host.onQuiet?.();
      },
    });
    way.connections.add(made);
    host.connections.add(made);
    // The other side hears of it with the last step; what is said here meanwhile comes after that.
    made.openFar(handshakeEnd, (connection) => {
      if (listening() === host) host.options.onConnection(connection);
      else connection.stream.destroy();
    });
    knocking.settle(ok(made.near));
  };
  step(member.host, handshake[0], () => {
    if (!listening()) return fail(`connect ECONNREFUSED ${address}`);
    step(to.host, handshake[1], () =>
      step(member.host, handshake[2], () => {
        const found = listening();
        if (!found || found.connections.size >= found.options.connectionsMax) return fail('read ECONNRESET');
        step(to.host, handshake[3], () => greetedBy(found));
      }),
    );
  });
}

function listen(world: World, member: Member, options: ListenOptions): ReturnType<Network['listen']> {
  const parsed = parseAddress(options.listen);
  if (!parsed.ok) return Promise.resolve(err({ type: 'AddressInvalid', detail: parsed.error }));
  if (!member.process.isAlive()) return never();
  const host = hostOf(world, member.host);
  const address = options.listen;
  if (parsed.value.host !== member.host) {
    const detail = `listen EADDRNOTAVAIL: address not available ${address}`;
    return Promise.resolve(err({ type: 'ListenFailed', address, detail }));
  }
  const port = parsed.value.port === 0 ? freePort(host) : parsed.value.port;
  if (host.listeners.has(port)) return Promise.resolve(err({ type: 'AddressInUse', address }));
  const { process, role } = member;
  const listening: Listening = { process, role, options, connections: new Set(), onQuiet: undefined };
  host.listeners.set(port, listening);
  const shut = (): void => {
    if (host.listeners.get(port) === listening) host.listeners.delete(port);
  };
  process.whenKilled(shut);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    shut();
    return new Promise((resolve) => {
      listening.onQuiet = () => void (process.isAlive() && resolve());
      if (listening.connections.size === 0) listening.onQuiet();
    });
  };
  return Promise.resolve(
    ok({ address: formatAddress({ host: parsed.value.host, port }), close: () => (closing ??= close()) }),
  );
}

function freePort(host: Host): number {
  while (host.listeners.has(host.nextPort)) host.nextPort += 1;
  host.nextPort += 1;
  return host.nextPort - 1;
}
