import { randomUUID } from 'node:crypto';

/** An event as the double keeps it. */
export interface StoredEvent {
  readonly id: string;
  readonly stream: string;
  readonly revision: number;
  /** Commit and prepare position: where in the transaction file it would stand. */
  readonly position: number;
  readonly type: string;
  readonly contentType: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
}

/** An event before it has its place. */
export type NewEvent = Omit<StoredEvent, 'stream' | 'revision' | 'position'>;

/** What an append expects of its stream: a revision, or one of the words the protocol has. */
export type Expected = number | 'any' | 'none' | 'exists';

/** What became of an append. */
export type Outcome =
  | { readonly type: 'success'; readonly revision: number; readonly position: number | undefined }
  | { readonly type: 'wrongExpectedVersion'; readonly current: number | 'none' }
  | { readonly type: 'tooLarge' };

/** The server's default limit for one append. */
export const appendBytesMax = 1_048_576;

/** What the double remembers while its server is down. */
export interface EventStore {
  readonly events: readonly StoredEvent[];
  streamOf(name: string): readonly StoredEvent[];
  append(stream: string, events: readonly NewEvent[], expected: Expected): Outcome;
  /** Called after every append. Returns how to stop being called. */
  onAppend(listener: () => void): () => void;
}

/**
 * A store as EventStoreDB is one, with what a client must live with: system events and those of other applications in the
 * log of all, positions with gaps, a limit on the size of an append, and idempotence only for a definite revision, whose
 * answer has no position.
 */
export function eventStore(): EventStore {
  const events: StoredEvent[] = [];
  const streams = new Map<string, StoredEvent[]>();
  const listeners = new Set<() => void>();
  let end = 0;

  const add = (stream: string, event: NewEvent): StoredEvent => {
    const held = streams.get(stream) ?? [];
    streams.set(stream, held);
    const stored = { ...event, stream, revision: held.length, position: end };
    end += 150 + event.data.length + event.metadata.length;
    held.push(stored);
    events.push(stored);
    return stored;
  };
  add('$stats-127.0.0.1:2113', jsonEvent('$statsCollected', {}));
  add('$users', jsonEvent('$User', '$admin'));
  add('basket-17', jsonEvent('BasketOpened', { customer: 'of another application' }));

  return {
    events,
    streamOf: (name) => streams.get(name) ?? [],
    append(stream, added, expected) {
      if (added.reduce((sum, { data }) => sum + data.length, 0) > appendBytesMax) return { type: 'tooLarge' };
      const held = streams.get(stream) ?? [];
      const last = held.length - 1;
      const before =
        expected === 'any' || (expected === 'exists' && last >= 0) ? last : expected === 'none' ? -1 : expected;
      const repeated =
        typeof before === 'number' && before < last && added.every(({ id }, i) => held[before + 1 + i]?.id === id);
      if (repeated) return { type: 'success', revision: before + added.length, position: undefined };
      if (before !== last) return { type: 'wrongExpectedVersion', current: last < 0 ? 'none' : last };
      let position = 0;
      for (const event of added) ({ position } = add(stream, event));
      for (const listener of listeners) listener();
      return { type: 'success', revision: last + added.length, position };
    },
    onAppend(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** An event with a JSON body, for what others than the adapter write. */
export const jsonEvent = (type: string, data: unknown, metadata: unknown = {}): NewEvent => ({
  id: randomUUID(),
  type,
  contentType: 'application/json',
  data: Buffer.from(JSON.stringify(data)),
  metadata: Buffer.from(JSON.stringify(metadata)),
});
