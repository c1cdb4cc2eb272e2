import { watch } from 'node:fs';
import { open } from 'node:fs/promises';
import { err, ok, type Result } from '#core/result';

/** Why a heartbeat will not be seen. */
export type HeartbeatError =
  { readonly type: 'GuestEnded'; readonly detail: string } | { readonly type: 'Cancelled'; readonly heartbeat: number };

/** Reads the guest's heartbeats from its console log as it grows. */
export interface HeartbeatMonitor {
  /** The newest heartbeat, 0 before the first. */
  latest(): number;
  /** The heartbeat, once it is at least `count`. Never rejects. */
  reached(count: number, signal?: AbortSignal): Promise<Result<number, HeartbeatError>>;
  /** Tells everyone who waits that there will be no more, and stops reading. */
  end(detail: string): Promise<void>;
}

interface Waiter {
  readonly count: number;
  readonly settle: (result: Result<number, HeartbeatError>) => void;
}

/** Starts to follow the file, which must exist. */
export function followHeartbeats(consolePath: string): HeartbeatMonitor {
  const waiters = new Set<Waiter>();
  let heartbeat = 0;
  let ended: string | undefined;
  let position = 0;
  let unfinished = '';

  const read = async (): Promise<void> => {
    const file = await open(consolePath);
    try {
      const { size } = await file.stat();
      const grown = Buffer.alloc(Math.max(0, size - position));
      const { bytesRead } = await file.read(grown, 0, grown.length, position);
      position += bytesRead;
      const lines = (unfinished + grown.toString('latin1', 0, bytesRead)).split('\n');
      unfinished = lines.pop() ?? '';
      heartbeat = Math.max(heartbeat, ...lines.map(heartbeatIn));
    } finally {
      await file.close();
    }
    for (const waiter of waiters) if (heartbeat >= waiter.count) waiter.settle(ok(heartbeat));
  };
  // One after the other: two reads at once would take the same lines twice.
  let reading = Promise.resolve();
  const readSoon = (): void => void (reading = reading.then(read).catch(() => {})); // Gone: nothing more will come.
  const watcher = watch(consolePath, readSoon);
  watcher.on('error', () => {}); // The folder was removed under us; whoever waits is told by `end`.
  readSoon();

  return {
    latest: () => heartbeat,
    reached: (count, signal) =>
      new Promise((resolve) => {
        if (heartbeat >= count) return resolve(ok(heartbeat));
        if (ended !== undefined) return resolve(err({ type: 'GuestEnded', detail: ended }));
        const cancelled = (): void => waiter.settle(err({ type: 'Cancelled', heartbeat }));
        const waiter: Waiter = {
          count,
          settle(result) {
            waiters.delete(waiter);
            signal?.removeEventListener('abort', cancelled);
            resolve(result);
          },
        };
        waiters.add(waiter);
        signal?.addEventListener('abort', cancelled, { once: true });
        if (signal?.aborted) cancelled();
      }),
    async end(detail) {
      watcher.close();
      readSoon();
      await reading;
      ended = detail;
      for (const waiter of waiters) waiter.settle(err({ type: 'GuestEnded', detail }));
    },
  };
}

const heartbeatIn = (line: string): number => Number(/^sealift-heartbeat (\d+) /.exec(line)?.[1] ?? 0);
