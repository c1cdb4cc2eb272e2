import { ok } from '#core/result';
import type { Replica } from '#replicator/receiver/replica';
import type { Sink, SinkEvents } from './sink.ts';

/** A replica in this process as the sink of a round that it has begun. Closes the replica when it is closed. */
export function replicaSink(replica: Replica): Sink {
  let events: SinkEvents | undefined;
  let written = 0;
  return {
    digest: replica.digest,
    headroom: 0,
    get bytesOnWire() {
      return written;
    },
    settled: async (range) => ok(replica.settled(range)),
    digests: (range) => replica.reread(range),
    send: async ({ part, digests, data }) => {
      if (part.content === 'zero') return replica.zero(part);
      if (part.content === 'same') return ok(replica.same(part));
      written += data.length;
      return replica.write(part.start, digests, data);
    },
    // Everything up to `sequence` was begun before it was asked to be flushed, and a commit takes in what was begun.
    flush: (sequence) =>
      void replica.commit().then((committed) => {
        if (committed.ok) events?.onAcked(sequence);
        else events?.onLost(committed.error);
      }),
    complete: (root) => replica.complete(root),
    listen: (listener) => {
      events = listener;
    },
    close: () => replica.close(),
  };
}
