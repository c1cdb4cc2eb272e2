import type { Clock } from '#core/clock';
import { seconds, type Millis } from '#core/units';
import type { GuestStream } from '#replicator/protocol/guest-network';
import { encodeFrame, frameFeed, type FrameTaker, type SmallFrame } from './data-frame.ts';

/** Why there is no more to be said. The first reason counts. */
export type StreamEnd =
  | { readonly type: 'ConnectionLost'; readonly detail: string }
  | { readonly type: 'ProtocolViolation'; readonly detail: string }
  /** We closed it. */
  | { readonly type: 'Closed' };

/** Frames over a connection. */
export interface DataStream {
  readonly ended: StreamEnd | undefined;
  send(frame: SmallFrame): void;
  /** Sends parts of one frame. `done` once they are the system's, or never will be: then they may be changed. */
  sendParts(parts: readonly Uint8Array[], done: () => void): void;
  close(): void;
}

/** How long silence may last, on both sides alike. */
export interface Silence {
  /** Something is said at least so often. */
  readonly keepalive: Millis;
  /** Who says nothing for so long is gone. */
  readonly max: Millis;
}

/** Four keepalives in a row did not arrive: the peer, or the way to it, is gone. */
export const silenceDefault: Silence = { keepalive: seconds(5), max: seconds(20) };

/** How a data connection is kept alive and watched. */
export interface StreamTerms {
  readonly clock: Clock;
  readonly silence?: Silence | undefined;
}

/** Frames over `stream`, which it owns from now on. `onEnd` is called once, and nothing of `taker` after it. */
export function dataStream(
  stream: GuestStream,
  taker: FrameTaker,
  onEnd: (end: StreamEnd) => void,
  { clock, silence = silenceDefault }: StreamTerms,
): DataStream {
  let ended: StreamEnd | undefined;
  let talked = false;
  let quietBeats = 0;
  const over = new AbortController();
  const end = (reason: StreamEnd): void => {
    if (ended) return;
    ended = reason;
    over.abort('over');
    // What was queued is of no use to a peer that is wrong or gone, and pieces of memory wait for it to be let go.
    stream.destroy();
    onEnd(reason);
  };
  const send = (parts: readonly Uint8Array[], done?: () => void): void => {
    if (ended) return done?.();
    talked = true;
    parts.forEach((part, index) => stream.write(part, index === parts.length - 1 ? () => done?.() : undefined));
  };
  const feed = frameFeed(taker);
  stream.on('data', (chunk: Uint8Array) => {
    if (ended) return;
    quietBeats = 0;
    const wrong = feed(chunk);
    if (wrong !== undefined) end({ type: 'ProtocolViolation', detail: wrong });
  });
  stream.on('error', (cause) => end({ type: 'ConnectionLost', detail: cause.message }));
  for (const event of ['end', 'close'] as const)
    stream.on(event, () => end({ type: 'ConnectionLost', detail: 'the peer closed the connection' }));
  const beat = (): void => {
    // Beats, not time: after this process stood still, what arrived meanwhile is read before the next beat.
    quietBeats += 1;
    if (quietBeats * silence.keepalive > silence.max)
      return end({ type: 'ConnectionLost', detail: `silent for ${silence.max / 1_000} s` });
    if (!talked) send([encodeFrame({ type: 'keepalive' })]);
    talked = false;
  };
  const watch = async (): Promise<void> => {
    for (;;) {
      await clock.wait(silence.keepalive, over.signal);
      if (ended) return;
      beat();
    }
  };
  void watch();
  return {
    get ended() {
      return ended;
    },
    send: (frame) => send([encodeFrame(frame)]),
    sendParts: send,
    close: () => end({ type: 'Closed' }),
  };
}
