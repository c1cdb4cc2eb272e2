import type { Clock } from '#core/clock';
import type { Result } from '#core/result';
import { MiB, millis, type Millis } from '#core/units';
import { deadline } from '#replicator/protocol/deadline';
import { finishSocket } from '#replicator/protocol/finish-socket';
import type { GuestStream } from '#replicator/protocol/guest-network';
import { encodeMessage, messageMax, messageReader, type MessageReader } from './message-stream.ts';

/** How a line ended. The first reason counts. */
export type LineEnd =
  | { readonly type: 'ConnectionLost'; readonly detail: string }
  /** The other side broke a rule, and was told. */
  | { readonly type: 'ProtocolViolation'; readonly detail: string }
  /** We closed it, or gave its stream away. */
  | { readonly type: 'Closed' };

/** Who takes what is said. Calls come one at a time, in order. */
export interface LineListener<Heard> {
  onSaid(word: Heard): void;
  /** Called once, after the last `onSaid`. */
  onEnd(end: LineEnd): void;
}

/** A connection of words, the same at both ends. */
export interface Line<Heard, Said extends object> {
  say(word: Said): void;
  /** Replaces who listens. What comes meanwhile waits. */
  listen(listener: LineListener<Heard> | undefined): void;
  /** From now on this much silence of the other side ends it. */
  expectWithin(silence: Millis): void;
  /** Ends it because the other side broke a rule that only the caller knows. */
  refuse(detail: string): void;
  /** Gives the stream away, held, with what was read of it and not taken put back: resume it. The line ends. */
  handOver(): GuestStream;
  /** Lets what was said arrive, and ends. Idempotent. */
  close(): Promise<void>;
}

// What may wait for a listener: more is not a peer of ours.
const earlyMax = 16;
// What may be said and not have left yet. A peer that does not read would fill our memory.
const unsentMax = 8 * MiB;
// Silence is looked for so many times within what is allowed of it.
const looks = 8;

interface State<Heard> {
  readonly stream: GuestStream;
  readonly clock: Clock;
  readonly reader: MessageReader;
  readonly early: Heard[];
  listener: LineListener<Heard> | undefined;
  ended: LineEnd | undefined;
  silenceMax: Millis;
  /** Whether anything arrived since the last look. */
  heard: boolean;
  /** Calls off the next look. */
  callOff: () => void;
}

/** A line over a stream, which it owns. `read` checks what arrives; a message that does not pass ends the line. */
export function lineOver<Heard, Said extends object>(
  stream: GuestStream,
  read: (json: string) => Result<Heard, string>,
  silence: Millis,
  clock: Clock,
): Line<Heard, Said> {
  const state: State<Heard> = {
    stream,
    clock,
    reader: messageReader(),
    early: [],
    listener: undefined,
    ended: undefined,
    silenceMax: silence,
    heard: false,
    callOff: () => undefined,
  };
  const lost = (detail: string): void => end(state, { type: 'ConnectionLost', detail });
  const onData = (bytes: Uint8Array): void => {
    if (state.ended) return;
    state.heard = true;
    const messages = state.reader.feed(bytes);
    if (!messages.ok) return end(state, { type: 'ProtocolViolation', detail: messages.error });
    for (const json of messages.value) {
      const word = read(json);
      if (!word.ok) return end(state, { type: 'ProtocolViolation', detail: word.error });
      deliver(state, word.value);
    }
  };
  const onError = (cause: Error): void => lost(cause.message);
  const onClose = (): void => lost('the connection was closed');
  stream.on('data', onData);
  stream.on('error', onError);
  stream.on('close', onClose);
  watchSilence(state, lost);
  return {
    say: (word) => {
      if (state.ended) return;
      const encoded = encodeMessage(word);
      if (encoded.length > messageMax) return lost('a message of our own is too long');
      stream.write(encoded);
      if (stream.writableLength > unsentMax) lost('it does not read what it is told');
    },
    listen: (next) => {
      state.listener = next;
      if (next) for (const word of state.early.splice(0)) deliver(state, word);
      if (state.ended) next?.onEnd(state.ended);
    },
    expectWithin: (duration) => {
      state.silenceMax = duration;
      state.heard = true;
    },
    refuse: (detail) => end(state, { type: 'ProtocolViolation', detail }),
    handOver: () => {
      stream.off('data', onData);
      stream.off('error', onError);
      stream.off('close', onClose);
      stream.pause();
      const rest = state.reader.rest();
      if (rest.length > 0) stream.unshift(rest);
      state.ended = { type: 'Closed' };
      state.callOff();
      return stream;
    },
    close: () => {
      end(state, { type: 'Closed' });
      return finishSocket(stream, clock);
    },
  };
}

/** What we say ourselves proves nothing, so the timeout of a socket, which counts it, is of no use. */
function watchSilence<Heard>(state: State<Heard>, lost: (detail: string) => void): void {
  let quietLooks = 0;
  const lookLater = (): void => {
    if (!state.ended) state.callOff = deadline(state.clock, millis(Math.ceil(state.silenceMax / looks)), look);
  };
  const look = (): void => {
    // Looks, not time: after this process stood still, what arrived meanwhile is read before the next one.
    quietLooks = state.heard ? 0 : quietLooks + 1;
    state.heard = false;
    if (quietLooks > looks) return lost(`silent for ${state.silenceMax / 1_000} s`);
    lookLater();
  };
  lookLater();
}

function deliver<Heard>(state: State<Heard>, word: Heard): void {
  const { listener, early, ended } = state;
  if (ended) return;
  if (listener) listener.onSaid(word);
  else if (early.length < earlyMax) early.push(word);
  else end(state, { type: 'ProtocolViolation', detail: 'it talks before it is asked' });
}

function end<Heard>(state: State<Heard>, reason: LineEnd): void {
  if (state.ended) return;
  // Said, so that the peer does not take it for a connection that was lost and tries the same again.
  if (reason.type === 'ProtocolViolation')
    state.stream.write(encodeMessage({ type: 'Failed', detail: reason.detail.slice(0, 1_000) }));
  state.ended = reason;
  state.callOff();
  if (reason.type === 'ConnectionLost') state.stream.destroy();
  if (reason.type === 'ProtocolViolation') void finishSocket(state.stream, state.clock);
  state.listener?.onEnd(reason);
}
