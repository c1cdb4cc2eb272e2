import { calledOff } from '#core/called-off';
import type { Position, RecordedFact, SubscribeOptions } from './event-log.ts';

/**
 * Those who wait for the next append. A reader takes the `turn` before it looks and waits for that turn to be over when
 * it found nothing, so an append between the two is never missed.
 */
export interface Followers {
  readonly turn: number;
  /** How many wait just now. */
  readonly waiting: number;
  readonly ended: boolean;
  /** New facts are there. */
  wake(): void;
  /** No more will come. */
  end(): void;
  /** Resolves when `turn` is over, all has ended or `signal` is aborted. */
  after(turn: number, signal: AbortSignal): Promise<void>;
}

/** `onWaiting` is told whenever someone starts to wait: where appends of other processes must be looked for. */
export function followers(onWaiting: () => void = () => {}): Followers {
  const waiters = new Set<() => void>();
  let turn = 0;
  let ended = false;
  const release = (): void => {
    for (const go of [...waiters]) go();
  };
  return {
    get turn() {
      return turn;
    },
    get waiting() {
      return waiters.size;
    },
    get ended() {
      return ended;
    },
    wake() {
      turn += 1;
      release();
    },
    end() {
      ended = true;
      release();
    },
    after: (seen, signal) =>
      new Promise((resolve) => {
        if (turn !== seen || ended || signal.aborted) return resolve();
        const go = (): void => {
          waiters.delete(go);
          signal.removeEventListener('abort', go);
          resolve();
        };
        waiters.add(go);
        signal.addEventListener('abort', go);
        onWaiting();
      }),
  };
}

/** Some facts in log order, and how far the log was searched for them. */
export interface Page {
  readonly facts: readonly RecordedFact[];
  /** The last position looked at. */
  readonly searched: Position;
  /** Whether that was the end of the log. */
  readonly atEnd: boolean;
}

/** A subscription made of pages: what is there, and what comes whenever `line` wakes. Throws what `read` throws. */
export const follow = (
  read: (after: Position) => Page,
  line: Followers,
  { after, signal }: Pick<SubscribeOptions, 'after' | 'signal'>,
): AsyncIterableIterator<RecordedFact> => letGo(signal, (stop) => pages(read, line, after ?? (0 as Position), stop));

/**
 * An iteration that can be left at any time. A generator that is asked to return finishes a pending wait first, and that
 * may never end; this one is told by a signal to stop waiting.
 */
export function letGo<T>(
  signal: AbortSignal | undefined,
  start: (stop: AbortSignal) => AsyncGenerator<T, undefined>,
): AsyncIterableIterator<T> {
  const left = new AbortController();
  const items = start(signal === undefined ? left.signal : AbortSignal.any([left.signal, signal]));
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => items.next(),
    return: () => {
      left.abort(calledOff);
      return items.return(undefined);
    },
  };
}

async function* pages(
  read: (after: Position) => Page,
  line: Followers,
  start: Position,
  signal: AbortSignal,
): AsyncGenerator<RecordedFact, undefined> {
  const over = (): boolean => signal.aborted || line.ended;
  for (let searched = start; !over();) {
    const { turn } = line;
    const page = read(searched);
    for (const fact of page.facts) {
      yield fact;
      if (over()) return undefined;
    }
    ({ searched } = page);
    if (page.atEnd) await line.after(turn, signal);
  }
  return undefined;
}
