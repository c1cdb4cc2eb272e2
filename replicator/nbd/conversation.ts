import { invariant } from '#core/invariant';
import { err, ok, type Result } from '#core/result';
import type { Millis } from '#core/units';
import { openByteStream, type ByteStream, type StreamEnd } from './byte-stream.ts';
import { handshake, type HandshakeAction } from './handshake.ts';
import type { NbdError } from './nbd-error.ts';
import type { Talk } from './option-exchange.ts';
import type { NbdAddress } from './nbd-address.ts';
import type { TlsTerms } from './tls-terms.ts';

/** How long the peer may take. Zero waits for ever. */
export interface NbdTimeouts {
  /** To accept the connection. */
  readonly connect: Millis;
  /** From then to the end of the handshake, TLS included. */
  readonly negotiate: Millis;
  /** Between any two signs of life while requests are waiting. */
  readonly stall: Millis;
}

/** How to reach one server. */
export interface Reach {
  readonly address: NbdAddress;
  /** Undefined: in the clear. */
  readonly tls: TlsTerms | undefined;
  readonly timeouts: NbdTimeouts;
  readonly signal?: AbortSignal | undefined;
}

/** A connection whose handshake is over. Its bytes must be handed to someone before the current turn ends. */
export interface Conversed<T> {
  readonly value: T;
  /** What the peer sent after the handshake. */
  readonly rest: Uint8Array;
  readonly stream: ByteStream;
}

// The handshake's messages are small; larger reads would take from what follows.
const windowLength = 4096;

/**
 * Reaches a server and has one conversation with it. `concluded` is called within the turn in which the conversation
 * ends well, so no byte is lost between the handshake and what follows. Never rejects.
 */
export function converse<T, U>(
  reach: Reach,
  talk: Talk<T>,
  concluded: (conversed: Conversed<T>) => Result<U, NbdError>,
): Promise<Result<U, NbdError>> {
  if (reach.signal?.aborted === true) return Promise.resolve(err({ type: 'Aborted' }));
  return new Promise((resolve) => {
    const steps = handshake(talk);
    const window = new Uint8Array(windowLength);
    let timer: NodeJS.Timeout | undefined;
    const settle = (result: Result<U, NbdError>): void => {
      clearTimeout(timer);
      reach.signal?.removeEventListener('abort', aborted);
      if (!result.ok) stream.destroy();
      resolve(result);
    };
    const limit = (stage: 'connecting' | 'negotiating', after: Millis): void => {
      clearTimeout(timer);
      if (after > 0) timer = setTimeout(() => settle(err({ type: 'TimedOut', stage, after })), after);
    };
    const aborted = (): void => settle(err({ type: 'Aborted' }));
    const act = (actions: readonly HandshakeAction<T>[]): void => {
      for (const action of actions) {
        if (action.type === 'send') stream.send(action.data);
        else if (action.type === 'startTls') encrypt(reach.tls);
        else if (action.type === 'failed') settle(err(action.error));
        else settle(concluded({ value: action.value, rest: action.rest, stream }));
      }
    };
    const encrypt = (tls: TlsTerms | undefined): void => {
      invariant(tls !== undefined, 'only a talk that was told to use TLS asks for it');
      stream.encrypt(tls, () => act(steps.tlsStarted()));
    };
    const stream = openByteStream(reach.address, reach.tls === undefined, {
      connected: () => {
        limit('negotiating', reach.timeouts.negotiate);
        act(steps.feed(new Uint8Array(0)));
      },
      feed: (chunk) => act(steps.feed(chunk)),
      window: () => window,
      filled: (count) => act(steps.feed(window.subarray(0, count))),
      silent: () => undefined,
      ended: (end) => settle(err(whyEnded(end, reach.address, steps.hungUp()))),
    });
    reach.signal?.addEventListener('abort', aborted);
    limit('connecting', reach.timeouts.connect);
  });
}

/** Has a conversation that leads nowhere, and hangs up. */
export async function converseOnce<T>(reach: Reach, talk: Talk<T>): Promise<Result<T, NbdError>> {
  const conversed = await converse(reach, talk, (all) => ok(all));
  if (!conversed.ok) return conversed;
  await conversed.value.stream.finish();
  return ok(conversed.value.value);
}

function whyEnded(end: StreamEnd, address: NbdAddress, hungUp: NbdError): NbdError {
  switch (end.type) {
    case 'unreachable':
      return { type: 'Unreachable', address, detail: end.detail };
    case 'tlsFailed':
      return { type: 'TlsFailed', detail: end.detail };
    case 'lost':
      return end.detail === '' ? hungUp : hungUp.type === 'ConnectionLost' ? { ...hungUp, detail: end.detail } : hungUp;
  }
}
