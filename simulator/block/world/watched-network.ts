import { ok } from '#core/result';
import type { ByteStream, Network, SecuredConnection } from '#replicator/protocol/network';
import type { SimulatedProcess } from '#simulator/block/process';

/** A network that tells of everything that arrives, before the process sees it: which it does not if it dies of it. */
export function watched(network: Network, process: SimulatedProcess, arrives: () => void): Network {
  const seen = seenBy(process, arrives);
  return {
    role: network.role,
    connect: async (address, signal) => {
      const connected = await network.connect(address, signal);
      return connected.ok ? ok(watchedConnection(connected.value, seen)) : connected;
    },
    listen: (options) =>
      network.listen({
        ...options,
        onConnection: (connection) => options.onConnection(watchedConnection(connection, seen)),
      }),
  };
}

/** Who takes what arrives, told of before. */
export type Seen = (take: (bytes: Uint8Array) => void) => (bytes: Uint8Array) => void;

/** Tells of what arrives at a process before it takes it, if it is alive then. */
export const seenBy =
  (process: SimulatedProcess, arrives: () => void): Seen =>
  (take) =>
  (bytes) => {
    arrives();
    if (process.isAlive()) take(bytes);
  };

const watchedConnection = (connection: SecuredConnection, seen: Seen): SecuredConnection => {
  const { readInto } = connection;
  const watched: SecuredConnection = { ...connection, stream: watchedStream(connection.stream, seen) };
  if (!readInto) return watched;
  return { ...watched, readInto: (buffer, onBytes) => readInto.call(connection, buffer, seen(onBytes)) };
};

const watchedStream = (stream: ByteStream, seen: Seen): ByteStream => ({
  get destroyed() {
    return stream.destroyed;
  },
  write: (part, done) => stream.write(part, done),
  pause: () => stream.pause(),
  resume: () => stream.resume(),
  isPaused: () => stream.isPaused(),
  end: () => stream.end(),
  destroy: () => stream.destroy(),
  on: (event: 'data' | 'error' | 'close', listener: (given: never) => void) => {
    if (event === 'data') return stream.on('data', seen(listener as (bytes: Uint8Array) => void));
    if (event === 'error') return stream.on('error', listener as (cause: Error) => void);
    return stream.on('close', listener as () => void);
  },
});
