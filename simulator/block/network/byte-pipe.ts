import type { Clock } from '#core/clock';
import type { Rng } from '#core/rng';
import { after, instant, millis, ratio, type Instant } from '#core/units';
import { settledNothing } from '#simulator/kernel/simulated-clock';
import type { Direction } from './link.ts';
import { pieceMax, type PieceMemory } from './piece-memory.ts';

/*
 * One direction of one connection: bytes go in as they are written and come out in order, in pieces that have nothing to
 * do with how they were written.
 *
 *     written | in the window: sent, on the way, or there and not read |
 *     --------+---------------------------------------------------------
 *       done is called as bytes enter the window; reading them makes room in it
 */

/** What comes out of a pipe, in order. The last is that nothing more comes. */
export type Arrival = Uint8Array | 'finished';

/** One direction of a connection. */
export interface BytePipe {
  /** `done` once all of it is on its way. */
  write(part: Uint8Array, done: (() => void) | undefined): void;
  /** After what was written comes nothing more. */
  finish(): void;
  /** Whether all that was written is on its way, and that it is finished. */
  readonly isFlushed: boolean;
  /** Bytes that were written and are not on their way yet. */
  readonly waiting: number;
  /** Forgets what is not on its way yet. */
  discard(): void;
  /** Loses what is on its way, too, and carries nothing any more. */
  lose(): void;
  /** So many bytes were read at the other end. */
  wasRead(count: number): void;
}

/** What a pipe needs. */
export interface BytePipeOptions {
  readonly clock: Clock & { schedule(at: Instant, act: () => void): unknown };
  readonly rng: Rng;
  readonly direction: Direction;
  readonly pieces: PieceMemory;
  readonly onArrival: (arrival: Arrival) => void;
  /** All that was written is on its way, and it is finished. */
  readonly onFlushed: () => void;
  readonly note: (label: string, value: number) => void;
}

/** What may be on its way or unread at once: the buffers of two kernels. */
export const windowMax = 256 * 1024;
// What fits into one packet is seldom read in pieces, and most of what is said does: each piece costs as much as the whole.
const segment = 1_400;
const wholeShareSmall = ratio(7, 8);
const wholeShare = ratio(1, 2);
/** A packet without content, or the head of one. */
export const packetLength = 64;
// What was lost is sent again after a while that grows with how long nothing passed; this is about where it ends.
const resendMax = 3_000;

interface Written {
  part: Uint8Array;
  readonly done: (() => void) | undefined;
}

/** A pipe along a direction of a link. */
export function bytePipe(options: BytePipeOptions): BytePipe {
  const { clock, rng, onFlushed, pieces } = options;
  const waiting: Written[] = [];
  let waitingCount = 0;
  let inWindow = 0;
  let pumping = false;
  let finishing = false;
  let flushed = false;
  let lost = false;
  const { send, forget } = carrier(options);

  const pump = (): unknown => {
    pumping = false;
    let told = false;
    while (!lost && waitingCount > 0 && inWindow < windowMax) {
      const most = Math.min(waitingCount, windowMax - inWindow, pieceMax);
      const isWhole = most === 1 || rng.chance(most <= segment ? wholeShareSmall : wholeShare);
      const count = isWhole ? most : rng.between(1, most);
      inWindow += count;
      waitingCount -= count;
      const { piece, isTold } = takeFrom(waiting, pieces.take(count));
      told ||= isTold;
      send(piece, count + packetLength);
    }
    // Parts without a byte are on their way with what was before them.
    while (waitingCount === 0 && waiting[0]) {
      told = true;
      waiting.shift()?.done?.();
    }
    if (!finishing || flushed || lost || waitingCount > 0) return told ? undefined : settledNothing;
    flushed = true;
    send('finished', packetLength);
    return onFlushed();
  };
  // What is written at one moment is one stream of bytes before it is cut into pieces.
  const pumpSoon = (): void => {
    if (pumping || lost) return;
    pumping = true;
    clock.schedule(clock.now(), pump);
  };
  const discard = (): void => {
    waitingCount = 0;
    for (const { done } of waiting.splice(0)) done?.();
  };
  return {
    write: (part, done) => {
      waiting.push({ part, done });
      waitingCount += part.length;
      pumpSoon();
    },
    finish: () => {
      finishing = true;
      pumpSoon();
    },
    get isFlushed() {
      return flushed;
    },
    get waiting() {
      return waitingCount;
    },
    discard,
    lose: () => {
      lost = true;
      forget();
      discard();
    },
    wasRead: (count) => {
      inWindow -= count;
      if (waitingCount > 0) pumpSoon();
    },
  };
}

/** Carries one thing after the other to the other end; what does not pass is sent again when it may. */
function carrier({ clock, rng, direction, onArrival, note }: BytePipeOptions) {
  /** What did not pass, in order. */
  const held: Arrival[] = [];
  let lastArrival = instant(0);
  let lost = false;
  const arrive = (arrival: Arrival): void => {
    if (lost) return;
    if (held.length === 0 && direction.passes()) return onArrival(arrival);
    held.push(arrival);
    if (held.length === 1) direction.whenHealed(resend);
  };
  const resend = (): void => {
    if (lost) return;
    const delay = rng.between(0, resendMax);
    note('sent again after', delay);
    clock.schedule(after(clock.now(), millis(delay)), () => {
      for (const arrival of held.splice(0)) arrive(arrival);
    });
  };
  const send = (arrival: Arrival, count: number): void => {
    // Never before what was sent before it.
    lastArrival = instant(Math.max(lastArrival, direction.arrival(count, rng)));
    clock.schedule(lastArrival, () => arrive(arrival));
  };
  return {
    send,
    forget: (): void => {
      lost = true;
      held.length = 0;
    },
  };
}

/**
 * The next bytes, in memory of their own: who wrote them may use theirs for something else after `done`. And whether
 * any of them was told so.
 */
function takeFrom(waiting: Written[], piece: Uint8Array): { readonly piece: Uint8Array; readonly isTold: boolean } {
  let isTold = false;
  for (let filled = 0; filled < piece.length;) {
    const [first] = waiting;
    if (!first) break;
    const part = first.part.subarray(0, piece.length - filled);
    piece.set(part, filled);
    filled += part.length;
    first.part = first.part.subarray(part.length);
    if (first.part.length > 0) break;
    waiting.shift();
    if (!first.done) continue;
    isTold = true;
    first.done();
  }
  return { piece, isTold };
}
