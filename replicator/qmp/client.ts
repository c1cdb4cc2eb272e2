import { connect } from 'node:net';
import { err, ok, type Result } from '#core/result';
import { seconds, type Millis } from '#core/units';
import { describeQmpAddress, type QmpAddress } from './address.ts';
import { qmpConnection } from './connection.ts';
import type { QmpError } from './error.ts';
import type { EventFeed, FeedItem } from './event-feed.ts';
import type { JsonObject, QemuVersion, QmpEvent } from './message.ts';

/** Bounds on one wait. Ending it early does not take the command back: QEMU may carry it out all the same. */
export interface WaitOptions {
  readonly timeout?: Millis;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One connection to a QMP monitor. It is never reopened behind the caller's back: after it is lost every call answers
 * with an error, and a new client is made.
 */
export interface QmpClient {
  readonly version: QemuVersion;
  /** Whether the connection still stands, as far as is known here. */
  readonly isOpen: boolean;
  /**
   * Sends one command and returns what QEMU returned. In order with the client's other commands. Never rejects: tell
   * `NotSent` from `OutcomeUnknown` before repeating anything.
   */
  execute(command: string, args?: JsonObject, options?: WaitOptions): Promise<Result<unknown, QmpError>>;
  /** Every event from now on. Ends when the connection does or `signal` is aborted. */
  events(signal?: AbortSignal): AsyncIterableIterator<FeedItem>;
  /**
   * The first event of this name from now on that satisfies `predicate`. Call it before the command that causes the
   * event, and await it after. Never rejects.
   */
  waitFor(
    event: string,
    predicate?: (data: JsonObject) => boolean,
    options?: WaitOptions,
  ): Promise<Result<QmpEvent, QmpError>>;
  /** Lets go of the connection. Commands without an answer settle as `OutcomeUnknown`. Idempotent. */
  close(): Promise<void>;
}

/** How long a monitor may take to greet. QEMU greets at once, unless another client holds the monitor. */
export const connectTimeout = seconds(5);
/** How long a command or an event may take if the caller does not say: `stop` flushes disks, slowly on a slow host. */
export const answerTimeout = seconds(30);

/** Connects and negotiates. Never rejects. */
export function connectQmp(
  address: QmpAddress,
  { timeout = connectTimeout, signal }: WaitOptions = {},
): Promise<Result<QmpClient, QmpError>> {
  const failed = (detail: string): Result<never, QmpError> =>
    err({ type: 'ConnectFailed', address: describeQmpAddress(address), detail });
  if (signal?.aborted) return Promise.resolve(failed('cancelled'));

  return new Promise((resolve) => {
    const settle = (result: Result<QmpClient, QmpError>): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
      resolve(result);
      if (!result.ok) void connection.close();
    };
    const aborted = (): void => settle(failed('cancelled'));
    const timer = setTimeout(
      () => settle(failed(`no greeting within ${timeout} ms (a monitor serves one client: does another hold it?)`)),
      timeout,
    );
    signal?.addEventListener('abort', aborted, { once: true });

    const connection = qmpConnection(connect('path' in address ? { path: address.path } : address), {
      ready: (version) =>
        settle(
          ok({
            version,
            get isOpen() {
              return connection.isOpen;
            },
            execute: (command, args, options) =>
              connection.ask(
                { command, ...(args && { args }) },
                { timeout: options?.timeout ?? answerTimeout, signal: options?.signal },
              ),
            events: (until) => connection.feed.follow(until),
            waitFor: (event, predicate, options) => firstEvent(connection.feed, event, predicate, options),
            close: () => connection.close(),
          }),
        ),
      ended: (error) =>
        settle('detail' in error && error.type !== 'ProtocolViolation' ? failed(error.detail) : err(error)),
    });
  });
}

function firstEvent(
  feed: EventFeed,
  name: string,
  predicate: (data: JsonObject) => boolean = () => true,
  { timeout = answerTimeout, signal }: WaitOptions = {},
): Promise<Result<QmpEvent, QmpError>> {
  const waitedFor = `the event ${name}`;
  if (signal?.aborted) return Promise.resolve(err({ type: 'Aborted', waitedFor }));
  return new Promise((resolve) => {
    const settle = (result: Result<QmpEvent, QmpError>): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
      unsubscribe();
      resolve(result);
    };
    const aborted = (): void => settle(err({ type: 'Aborted', waitedFor }));
    const timer = setTimeout(() => settle(err({ type: 'TimedOut', waitedFor })), timeout);
    signal?.addEventListener('abort', aborted, { once: true });
    const unsubscribe = feed.subscribe({
      announced: (event) => {
        if (event.name === name && predicate(event.data)) settle(ok(event));
      },
      ended: () => settle(err({ type: 'ConnectionLost', detail: `while waiting for ${waitedFor}` })),
    });
  });
}
