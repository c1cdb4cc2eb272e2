import { ok } from '#core/result';
import type { GuestEntry, GuestNetwork, GuestStream } from '#replicator/protocol/guest-network';
import type { SimulatedProcess } from '#simulator/block/process';
import { seenBy } from './watched-network.ts';

/* Connections of guests that tell of everything that arrives, before the process sees it: which it does not if it dies of it. */

/** The network of a sentinel, watched. */
export const watchedGuestNetwork = (
  network: GuestNetwork,
  process: SimulatedProcess,
  arrives: () => void,
): GuestNetwork => ({
  connect: async (wanted, signal) => {
    const connected = await network.connect(wanted, signal);
    if (!connected.ok) return connected;
    return ok({ ...connected.value, stream: watchedStream(connected.value.stream, process, arrives) });
  },
});

/** Where guests come to a gateway, watched. */
export const watchedGuestEntry = (entry: GuestEntry, process: SimulatedProcess, arrives: () => void): GuestEntry => ({
  listen: (options) =>
    entry.listen({
      ...options,
      onConnection: (connection) =>
        options.onConnection({ ...connection, stream: watchedStream(connection.stream, process, arrives) }),
    }),
});

type Listener = (given: never) => void;
type Events = 'data' | 'error' | 'close' | 'end';

function watchedStream(stream: GuestStream, process: SimulatedProcess, arrives: () => void): GuestStream {
  const watching = new Map<Listener, Listener>();
  const seen = seenBy(process, arrives);
  const watch = (listener: Listener): Listener => {
    const told = seen(listener as (bytes: Uint8Array) => void);
    watching.set(listener, told);
    return told;
  };
  const call = (what: 'on' | 'off') => stream[what] as (event: Events, listener: Listener) => unknown;
  return {
    get destroyed() {
      return stream.destroyed;
    },
    get writableLength() {
      return stream.writableLength;
    },
    write: (part, done) => stream.write(part, done),
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    isPaused: () => stream.isPaused(),
    end: () => stream.end(),
    destroy: () => stream.destroy(),
    unshift: (bytes) => stream.unshift(bytes),
    on: (event: Events, listener: Listener) =>
      call('on').call(stream, event, event === 'data' ? watch(listener) : listener),
    off: (event: Events, listener: Listener) =>
      call('off').call(stream, event, event === 'data' ? (watching.get(listener) ?? listener) : listener),
  };
}
