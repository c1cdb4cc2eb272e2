import type { NbdError } from './nbd-error.ts';
import { optionReplyMax, type Need, type Talk } from './option-exchange.ts';

/** What the owner of the socket has to do next, in order. */
export type HandshakeAction<T> =
  | { readonly type: 'send'; readonly data: Uint8Array }
  /** Encrypt the connection, then call `tlsStarted`. */
  | { readonly type: 'startTls' }
  /** `rest` is what came after the handshake in the same chunk. */
  | { readonly type: 'finished'; readonly value: T; readonly rest: Uint8Array }
  | { readonly type: 'failed'; readonly error: NbdError };

/** A conversation fed with bytes as they come. Does no I/O and never throws. */
export interface Handshake<T> {
  /** Takes the next bytes from the peer. Also called once with none, to begin. After its end it answers nothing. */
  feed(chunk: Uint8Array): readonly HandshakeAction<T>[];
  /** The connection is encrypted now; what follows came through TLS. */
  tlsStarted(): readonly HandshakeAction<T>[];
  /** How many bytes are kept for the next call: never more than `optionReplyMax`. */
  readonly held: number;
  /** What it means that the peer closed the connection at this point. */
  hungUp(): NbdError;
}

/** Runs a conversation of `negotiation.ts` over bytes that come in any portions. */
export function handshake<T>(talk: Talk<T>): Handshake<T> {
  const buffer = new Uint8Array(optionReplyMax);
  let held = 0;
  let need: Need | undefined;
  let state: 'unbegun' | 'talking' | 'encrypting' | 'over' = 'unbegun';

  const step = (received: Uint8Array, rest: Uint8Array, actions: HandshakeAction<T>[]): void => {
    let input = received;
    for (;;) {
      const next = talk.next(input);
      input = empty;
      if (next.done === true) {
        state = 'over';
        actions.push(
          next.value.ok
            ? { type: 'finished', value: next.value.value, rest }
            : { type: 'failed', error: next.value.error },
        );
        return;
      }
      need = next.value;
      if (need.type === 'receive') return;
      actions.push(need);
      if (need.type === 'startTls') {
        state = 'encrypting';
        return;
      }
    }
  };

  const feed = (chunk: Uint8Array): readonly HandshakeAction<T>[] => {
    const actions: HandshakeAction<T>[] = [];
    if (state === 'unbegun') {
      state = 'talking';
      step(empty, empty, actions);
    }
    let from = 0;
    while (from < chunk.length && state === 'talking' && need?.type === 'receive') {
      const taken = Math.min(need.length - held, chunk.length - from);
      buffer.set(chunk.subarray(from, from + taken), held);
      held += taken;
      from += taken;
      if (held < need.length) break;
      held = 0;
      step(buffer.subarray(0, need.length), chunk.subarray(from), actions);
    }
    if (state === 'encrypting' && from < chunk.length) {
      state = 'over';
      actions.push({ type: 'failed', error: injected(chunk.length - from) });
    }
    return actions;
  };

  return {
    get held() {
      return held;
    },
    feed,
    hungUp: () =>
      (need?.type === 'receive' ? need.hangUp : undefined) ?? {
        type: 'ConnectionLost',
        detail: 'the server closed the connection during the handshake',
      },
    tlsStarted: () => {
      const actions: HandshakeAction<T>[] = [];
      if (state !== 'encrypting') return actions;
      state = 'talking';
      step(empty, empty, actions);
      return actions;
    },
  };
}

const empty = new Uint8Array(0);

/** Bytes in the clear after the server agreed to TLS were put there by someone who wants them believed later. */
const injected = (count: number): NbdError => ({
  type: 'ProtocolViolation',
  detail: `${count} bytes came in the clear after the server had agreed to TLS`,
});
