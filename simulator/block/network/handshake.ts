import { err, ok, type Result } from '#core/result';
import type { Rng } from '#core/rng';
import { after, seconds } from '#core/units';
import { formatAddress, parseAddress } from '#replicator/protocol/address';
import type { ConnectError, Listener, ListenError } from '#replicator/protocol/network';
import { connectMax } from '#replicator/protocol/tls-options';
import type { SimulatedProcess } from '#simulator/block/process';
import { settledNothing } from '#simulator/kernel/simulated-clock';
import { connectionBetween } from './connection.ts';
import type { Face } from './face.ts';
import { between, freePort, hostOf, type Listening, type NetworkWorld } from './hosts.ts';
import type { StreamEnd } from './stream-end.ts';

/** Whose network it is. */
export interface Member {
  readonly process: SimulatedProcess;
  readonly host: string;
}

/** What two ends of a connection have in common: its name, and a stream of chance that nobody else draws from. */
export interface Common {
  readonly name: string;
  readonly rng: Rng;
}

/** What each side makes of its end of a connection. */
export interface Meeting<T> {
  readonly near: (end: StreamEnd) => T;
  readonly far: (end: StreamEnd) => void;
}

/** Whether the two want each other; a sentence says why not. */
export type Meet<T> = (face: Face, common: Common) => Result<Meeting<T>, string>;

// A packet that was lost on the way to a connection is sent again after so long.
const knockAgain = seconds(1);
// What the steps of a TCP and TLS 1.3 handshake weigh, there and back in turn.
const handshake = [64, 64, 512, 2_560] as const;
const handshakeEnd = 2_048;

const never = <T>(): Promise<T> => new Promise(() => undefined);

/** Connects to `host:port`. Settles within `connectMax`, or when `signal` is aborted; never, if its process is dead. */
export function reach<T>(
  world: NetworkWorld,
  member: Member,
  address: string,
  meet: Meet<T>,
  signal: AbortSignal | undefined,
): Promise<Result<T, ConnectError>> {
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
    knock(world, member, parsed.value, meet, { isOver: () => settled || !member.process.isAlive(), settle });
  });
}

interface Knocking<T> {
  /** Nobody waits for it any more. */
  isOver(): boolean;
  readonly settle: (outcome: Result<T, ConnectError>) => void;
}

/** The handshake, step by step: a step that is lost is made again until nobody waits for it any more. */
function knock<T>(
  world: NetworkWorld,
  member: Member,
  to: { readonly host: string; readonly port: number },
  meet: Meet<T>,
  knocking: Knocking<T>,
): void {
  const { clock } = world;
  const way = between(world, member.host, to.host);
  way.count += 1;
  const name = `${member.host} to ${to.host} ${way.count}`;
  const rng = world.rng.fork(name);
  const address = formatAddress(to);
  const step = (from: string, count: number, then: () => unknown): typeof settledNothing => {
    const direction = way.link.from(from);
    clock.schedule(direction.arrival(count, rng), () => {
      if (knocking.isOver()) return settledNothing;
      if (direction.passes()) return then();
      const again = (): unknown => (knocking.isOver() ? settledNothing : step(from, count, then));
      clock.schedule(after(clock.now(), knockAgain), again);
      return settledNothing;
    });
    return settledNothing;
  };
  const listening = (): Listening | undefined => hostOf(world, to.host).listeners.get(to.port);
  const fail = (detail: string): unknown =>
    step(to.host, handshake[1], () => knocking.settle(err({ type: 'Unreachable', detail })));
  const greetedBy = (host: Listening): void => {
    const meeting = meet(host.face, { name, rng });
    if (!meeting.ok) return knocking.settle(err({ type: 'Untrusted', detail: meeting.error }));
    const gone = new Set<'near' | 'far'>();
    const made = connectionBetween({
      clock,
      note: world.note,
      pieces: world.pieces,
      rng,
      name,
      link: way.link,
      near: member,
      far: { process: host.process, host: to.host },
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
    made.openFar(handshakeEnd, (end) => {
      if (listening() === host) meeting.value.far(end);
      else end.stream.destroy();
    });
    knocking.settle(ok(meeting.value.near(made.near)));
  };
  step(member.host, handshake[0], () => {
    if (!listening()) return fail(`connect ECONNREFUSED ${address}`);
    step(to.host, handshake[1], () =>
      step(member.host, handshake[2], () => {
        const found = listening();
        if (!found || found.connections.size >= found.connectionsMax) return fail('read ECONNRESET');
        step(to.host, handshake[3], () => greetedBy(found));
      }),
    );
  });
}

/** Where to listen, and for how many. */
export interface ListenPlace {
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  readonly connectionsMax: number;
}

/** Listens with a face until it is closed, or its process is killed. */
export function listenWith(
  world: NetworkWorld,
  member: Member,
  { listen: address, connectionsMax }: ListenPlace,
  face: Face,
): Promise<Result<Listener, ListenError>> {
  const parsed = parseAddress(address);
  if (!parsed.ok) return Promise.resolve(err({ type: 'AddressInvalid', detail: parsed.error }));
  if (!member.process.isAlive()) return never();
  const host = hostOf(world, member.host);
  if (parsed.value.host !== member.host) {
    const detail = `listen EADDRNOTAVAIL: address not available ${address}`;
    return Promise.resolve(err({ type: 'ListenFailed', address, detail }));
  }
  const port = parsed.value.port === 0 ? freePort(host) : parsed.value.port;
  if (host.listeners.has(port)) return Promise.resolve(err({ type: 'AddressInUse', address }));
  const { process } = member;
  const listening: Listening = { process, connectionsMax, face, connections: new Set(), onQuiet: undefined };
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
