import type { DeviceError } from '#core/disk/block-device';
import { invariant } from '#core/invariant';
import type { NbdConnection } from './connection.ts';
import type { InFlight } from './in-flight.ts';

/** A request that has no connection yet. */
export interface Submission {
  readonly flags: number;
  readonly data?: Uint8Array;
  /** Makes the request for the connection it will travel on: context ids and reply forms differ between them. */
  readonly on: (connection: NbdConnection) => InFlight;
  /** Called instead of `on` if no connection will ever take it. */
  readonly refuse: (why: DeviceError) => void;
}

/**
 * The connections of one device. Requests go to the one with the least to do; those beyond the windows wait their turn
 * in order. The loss of one connection is the loss of the device: what it carried is unknown, and a device is never
 * mended behind its caller's back.
 */
export interface ConnectionPool {
  /** Why nothing will be carried any more, once that is so. */
  readonly ended: DeviceError | undefined;
  submit(submission: Submission): void;
  /** A request of this pool was settled: there may be room for the next. */
  settled(): void;
  /** Ends everything with `why`: what waits, what is on the wire, and what comes. Later calls change nothing. */
  end(why: DeviceError): void;
  /** Closes in order if nothing is on the wire, at once otherwise. Idempotent. */
  close(): Promise<void>;
}

/** `windowMax`: how many requests one connection carries at a time. */
export function connectionPool(connections: readonly NbdConnection[], windowMax: number): ConnectionPool {
  invariant(connections.length > 0, 'a pool has at least one connection');
  let waiting: Submission[] = [];
  let first = 0;
  let ended: DeviceError | undefined;
  let closed: Promise<void> | undefined;

  const leastBusy = (): NbdConnection | undefined => {
    let best: NbdConnection | undefined;
    for (const connection of connections) if (connection.waiting < (best?.waiting ?? windowMax)) best = connection;
    return best;
  };
  const send = (connection: NbdConnection, submission: Submission): void =>
    connection.submit(submission.on(connection), submission.flags, submission.data);
  const end = (why: DeviceError): void => {
    if (ended !== undefined) return;
    ended = why;
    const refused = waiting.slice(first);
    waiting = [];
    first = 0;
    for (const connection of connections) connection.destroy(why);
    for (const submission of refused) submission.refuse(why);
  };
  return {
    get ended() {
      return ended;
    },
    end,
    submit: (submission) => {
      if (ended !== undefined) return submission.refuse(ended);
      // Whatever waits has been waiting because there is no room: nothing is overtaken.
      const connection = leastBusy();
      if (connection === undefined) waiting.push(submission);
      else send(connection, submission);
    },
    settled: () => {
      while (first < waiting.length) {
        const submission = waiting[first];
        const connection = leastBusy();
        if (submission === undefined || connection === undefined) return;
        first += 1;
        // Taken entries are dropped in bulk: shifting one by one costs the length of the queue each time.
        if (first === waiting.length || first === compactAt) {
          waiting = waiting.slice(first);
          first = 0;
        }
        send(connection, submission);
      }
    },
    close: () => {
      closed ??= (async () => {
        const idle = ended === undefined && connections.every((connection) => connection.waiting === 0);
        if (idle) {
          ended = { type: 'Closed' };
          await Promise.all(connections.map((connection) => connection.finish()));
        } else end({ type: 'Closed' });
      })();
      return closed;
    },
  };
}

const compactAt = 1024;
