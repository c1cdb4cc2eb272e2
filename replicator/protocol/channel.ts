import type { Clock } from '#core/clock';
import { KiB, seconds } from '#core/units';
import type { BufferPool } from '#replicator/pipeline/buffer-pool';
import type { Peer } from '#replicator/pipeline/replication';
import { deadline } from './deadline.ts';
import { finishSocket } from './finish-socket.ts';
import { describeFrameError, encodeFrame, frameDecoder, type Frame } from './frame.ts';
import { readMessage, type Message } from './message.ts';
import type { ByteStream, SecuredConnection } from './network.ts';

/** How a channel ended. The first reason counts. */
export type ChannelEnd =
  | { readonly type: 'ConnectionLost'; readonly detail: string }
  | { readonly type: 'ProtocolViolation'; readonly detail: string }
  /** We closed it. */
  | { readonly type: 'Closed' };

/** A frame other than the two that channels deal with, or something said. */
export type Incoming =
  Exclude<Frame, { type: 'message' | 'keepalive' }> | { readonly type: 'said'; readonly message: Message };

/** Who takes what arrives. Calls come one at a time, in order of arrival. */
export interface ChannelListener {
  onIncoming(incoming: Incoming): void;
  /** Called once, after the last `onIncoming`. */
  onEnd(end: ChannelEnd): void;
}

/** A connection of frames with a peer whose certificate was checked. */
export interface Channel {
  readonly peer: Peer;
  /** Bytes of frames sent so far, before encryption. */
  readonly bytesSent: number;
  say(message: Message): void;
  send(frame: Exclude<Frame, { type: 'data' | 'message' }>): void;
  /** Sends bytes that are a frame. Returns when they are the kernel's, so that their buffer is free; false if it ended. */
  sendBytes(...parts: readonly Uint8Array[]): Promise<boolean>;
  /** Whether to read on: while paused, the peer is held back by TCP. */
  pause(paused: boolean): void;
  /** Replaces who listens. Without anyone, what arrives is kept for the next, within bounds. */
  listen(listener: ChannelListener | undefined): void;
  /** Gives the buffer of a data frame back, to be used for another one. */
  free(buffer: Buffer): void;
  /** Ends the channel because the peer broke a rule that only the caller knows. */
  refuse(detail: string): void;
  /** Sends what is under way and ends. Idempotent. */
  close(): Promise<void>;
}

/** Sent when nothing else was, so that silence means something. */
export const keepaliveInterval = seconds(5);
/** A peer that was silent this long is gone: four keepalives in a row did not arrive. */
export const silenceMax = seconds(20);
// What is said before anyone listens: a handshake and one question. More is not a peer of ours.
const earlyMax = 16;
// A TLS record has at most 16 KiB of content, and Node hands over one at a time.
const recordMax = 16 * KiB;

interface State {
  readonly stream: ByteStream;
  readonly clock: Clock;
  readonly peer: Peer;
  /** What arrived before anyone listened. */
  readonly early: Incoming[];
  listener: ChannelListener | undefined;
  ended: ChannelEnd | undefined;
  bytesSent: number;
  /** Whether anything was sent since the last look. */
  talked: boolean;
  /** Whether anything arrived since the last look. */
  heard: boolean;
  /** Calls off the next look. */
  callOff: () => void;
}

/** A channel over a connection, which it owns. `pool` is for the content of data frames. */
export function channelOver(connection: SecuredConnection, peer: Peer, clock: Clock, pool?: BufferPool): Channel {
  const { stream } = connection;
  const state: State = {
    stream,
    clock,
    peer,
    early: [],
    listener: undefined,
    ended: undefined,
    bytesSent: 0,
    talked: false,
    heard: false,
    callOff: () => undefined,
  };
  attach(state, connection, pool);
  return {
    peer,
    get bytesSent() {
      return state.bytesSent;
    },
    say: (message) => write(state, encodeFrame({ type: 'message', json: JSON.stringify(message) })),
    send: (frame) => write(state, encodeFrame(frame)),
    sendBytes: (...parts) =>
      new Promise((resolve) => {
        if (state.ended) return resolve(false);
        const last = parts.at(-1);
        for (const part of parts) write(state, part, part === last ? () => resolve(!stream.destroyed) : undefined);
      }),
    pause: (paused) => void (paused ? stream.pause() : stream.resume()),
    listen: (next) => {
      state.listener = next;
      if (next) for (const incoming of state.early.splice(0)) deliver(state, incoming);
      if (state.ended) next?.onEnd(state.ended);
    },
    free: (buffer) => pool?.give(buffer),
    refuse: (detail) => end(state, { type: 'ProtocolViolation', detail }),
    close: () => close(state),
  };
}

function attach(state: State, connection: SecuredConnection, pool: BufferPool | undefined): void {
  const { stream } = state;
  const decoder = frameDecoder((length) => {
    const pooled = pool && length <= pool.length ? pool.take(length) : undefined;
    return pooled ?? Buffer.allocUnsafeSlow(length);
  });
  const arrived = (bytes: Uint8Array): void => {
    if (state.ended) return;
    state.heard = true;
    const frames = decoder.feed(bytes);
    if (!frames.ok) return end(state, { type: 'ProtocolViolation', detail: describeFrameError(frames.error) });
    for (const frame of frames.value) take(state, frame);
  };
  // Only who has a pool is sent data: for the rest it does not matter how it arrives.
  if (pool) connection.readInto?.(Buffer.allocUnsafeSlow(recordMax), arrived);
  stream.on('data', arrived);
  stream.on('error', (cause) => end(state, { type: 'ConnectionLost', detail: cause.message }));
  stream.on('close', () => end(state, { type: 'ConnectionLost', detail: 'the connection was closed' }));
  keepAlive(state);
}

/**
 * Says something before the peer must think that we are gone, and notices when the peer is. What we say ourselves proves
 * nothing: it is taken by the kernel long after the way is gone. So the timeout of a socket, which counts it, is of no use.
 */
function keepAlive(state: State): void {
  let quietBeats = 0;
  const beat = (): void => {
    // Beats, not time: after this process stood still, what arrived meanwhile is read before the next beat. And a paused
    // connection is silent because we do not listen.
    quietBeats = state.heard || state.stream.isPaused() ? 0 : quietBeats + 1;
    state.heard = false;
    if (quietBeats * keepaliveInterval > silenceMax) {
      return end(state, { type: 'ConnectionLost', detail: `silent for ${silenceMax / 1_000} s` });
    }
    if (!state.talked) write(state, encodeFrame({ type: 'keepalive' }));
    state.talked = false;
    beatLater();
  };
  const beatLater = (): void => {
    if (!state.ended) state.callOff = deadline(state.clock, keepaliveInterval, beat);
  };
  beatLater();
}

function take(state: State, frame: Frame): void {
  if (frame.type === 'keepalive') return;
  if (frame.type !== 'message') return deliver(state, frame);
  const message = readMessage(frame.json);
  if (message.ok) deliver(state, { type: 'said', message: message.value });
  else end(state, { type: 'ProtocolViolation', detail: message.error });
}

function deliver(state: State, incoming: Incoming): void {
  const { listener, early, ended } = state;
  if (ended) return;
  if (listener) listener.onIncoming(incoming);
  else if (early.length < earlyMax) early.push(incoming);
  else end(state, { type: 'ProtocolViolation', detail: 'it talks before it is asked' });
}

function write(state: State, part: Uint8Array, done?: () => void): void {
  if (state.ended) return;
  state.bytesSent += part.length;
  state.talked = true;
  state.stream.write(part, done);
}

function end(state: State, reason: ChannelEnd): void {
  if (state.ended) return;
  if (reason.type === 'ProtocolViolation') {
    // Said, so that the peer does not take it for a connection that was lost and tries the same again.
    const error = { type: 'ProtocolViolation', peer: state.peer, detail: reason.detail } as const;
    write(state, encodeFrame({ type: 'message', json: JSON.stringify({ type: 'Failed', error } satisfies Message) }));
  }
  state.ended = reason;
  state.callOff();
  if (reason.type === 'ConnectionLost') state.stream.destroy();
  if (reason.type === 'ProtocolViolation') void finishSocket(state.stream, state.clock);
  state.listener?.onEnd(reason);
}

function close(state: State): Promise<void> {
  end(state, { type: 'Closed' });
  return finishSocket(state.stream, state.clock);
}
