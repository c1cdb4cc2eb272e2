import type { Socket } from 'node:net';
import { err, type Result } from '#core/result';
import type { Millis } from '#core/units';
import type { QmpError } from './error.ts';
import { eventFeed, type EventFeed } from './event-feed.ts';
import type { JsonObject, QemuVersion } from './message.ts';
import { qmpSession, type SessionAction, type SessionInput } from './session.ts';

/** A socket and the conversation on it: bytes in, actions carried out. */
export interface QmpConnection {
  readonly feed: EventFeed;
  readonly isOpen: boolean;
  /** Asks one command; the promise never rejects. */
  ask(asked: { command: string; args?: JsonObject }, bounds: AskBounds): Promise<Result<unknown, QmpError>>;
  /** Ends the conversation; resolves once the socket is closed. Idempotent. */
  close(): Promise<void>;
}

/** When to stop waiting for an answer. */
export interface AskBounds {
  readonly timeout: Millis;
  readonly signal?: AbortSignal | undefined;
}

/** Who is told how the conversation begins and ends: `ended` exactly once, `ready` at most once and before it. */
export interface ConnectionListener {
  ready(version: QemuVersion): void;
  ended(error: QmpError): void;
}

/** Takes over a socket that is connected or connecting. */
export function qmpConnection(socket: Socket, listener: ConnectionListener): QmpConnection {
  const session = qmpSession();
  const feed = eventFeed();
  const waiting = new Map<string, (outcome: Result<unknown, QmpError>) => void>();
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  let isOpen = true;
  let commandsAsked = 0;

  const perform = (action: SessionAction): void => {
    switch (action.type) {
      case 'send':
        socket.write(action.text);
        return;
      case 'becomeReady':
        listener.ready(action.version);
        return;
      case 'settle':
        waiting.get(action.id)?.(action.outcome);
        waiting.delete(action.id);
        return;
      case 'announce':
        feed.announce(action.event);
        return;
      case 'disconnect':
        isOpen = false;
        socket.destroy();
        feed.end();
        listener.ended(action.error);
        return;
    }
  };
  const apply = (input: SessionInput): void => session.apply(input).forEach(perform);
  const lost = (detail: string): void => apply({ type: 'ConnectionLost', detail });

  socket.setNoDelay(true);
  socket.on('data', (bytes: Buffer) => apply({ type: 'BytesReceived', bytes }));
  socket.on('error', (error) => lost(error.message));
  socket.on('end', () => lost('the monitor closed the connection'));
  // A socket destroyed by the system says 'close' and never 'end'.
  socket.on('close', () => lost('the connection was closed'));

  return {
    feed,
    get isOpen() {
      return isOpen;
    },
    ask({ command, args }, { timeout, signal }) {
      if (signal?.aborted) return Promise.resolve(err({ type: 'NotSent', command, detail: 'cancelled' }));
      commandsAsked += 1;
      const id = String(commandsAsked);
      return new Promise((resolve) => {
        const abandon = (why: string): void => apply({ type: 'CommandAbandoned', id, why });
        const aborted = (): void => abandon('cancelled while waiting for the answer');
        const timer = setTimeout(() => abandon(`no answer within ${timeout} ms`), timeout);
        signal?.addEventListener('abort', aborted, { once: true });
        waiting.set(id, (outcome) => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', aborted);
          resolve(outcome);
        });
        apply({ type: 'CommandAsked', asked: { id, command, ...(args && { arguments: args }) } });
      });
    },
    async close() {
      lost('closed by this side');
      await closed;
    },
  };
}
