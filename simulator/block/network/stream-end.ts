import type { GuestStream } from '#replicator/protocol/guest-network';
import type { SecuredConnection } from '#replicator/protocol/network';
import type { SimulatedProcess } from '#simulator/block/process';
import { settledNothing } from '#simulator/kernel/simulated-clock';
import { bytePipe, type Arrival, type BytePipe, type BytePipeOptions } from './byte-pipe.ts';

/** One end of a simulated connection, as its process sees it and as the network does. */
export interface StreamEnd {
  readonly stream: GuestStream;
  readonly readInto: NonNullable<SecuredConnection['readInto']>;
  /** Nobody is there any more: what arrives is answered with a reset. */
  readonly isGone: boolean;
  /** Something came for it. */
  arrived(arrival: Arrival): void;
  /** Its process reads what came, which makes room at the other end. */
  readonly pipe: BytePipe;
  /** The connection was lost, as the system says it. */
  reset(): void;
  /** Nobody is there any more, and the system says so: after what is on its way, or instead of it. */
  leave(how: 'orderly' | 'reset'): void;
  /** Nobody is there any more, and nobody says so. */
  vanish(): void;
}

/** What an end needs of what is around it. */
export interface StreamEndOptions extends Pick<BytePipeOptions, 'clock' | 'rng' | 'direction' | 'pieces' | 'note'> {
  readonly process: SimulatedProcess;
  /** What was sent has come to the other end. */
  readonly onArrival: (arrival: Arrival) => void;
  /** So many bytes were read here. */
  readonly onRead: (count: number) => void;
  /** Nobody is here any more. */
  readonly onGone: () => void;
  /** Tells the other end that there is nobody here. It may not get there. */
  readonly sayReset: () => void;
}

type DataListener = (bytes: Uint8Array) => void;

/** The error of a connection that was reset, in the words of Node. */
function connectionReset(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
}

/** Through one buffer that is used again and again. What is in it afterwards is nobody's, and no longer what it was. */
function inPiecesOf(buffer: Uint8Array, onBytes: DataListener): DataListener {
  return (bytes) => {
    for (let at = 0; at < bytes.length; at += buffer.length) {
      const piece = bytes.subarray(at, at + buffer.length);
      buffer.set(piece);
      onBytes(buffer.subarray(0, piece.length));
      buffer.fill(0xee, 0, piece.length);
    }
  };
}

interface State extends StreamEndOptions {
  readonly listeners: {
    readonly data: DataListener[];
    readonly error: ((cause: Error) => void)[];
    readonly end: (() => void)[];
    readonly close: (() => void)[];
  };
  /** What came and was not read. */
  readonly inbox: Arrival[];
  /** What was read and put back. */
  readonly putBack: Uint8Array[];
  /** Takes what arrives in place of those who listen. */
  into: DataListener | undefined;
  flow: 'asked' | 'paused' | undefined;
  isGone: boolean;
  /** Nothing more comes. */
  readEnded: boolean;
  /** Nothing more is written. */
  ended: boolean;
  delivering: boolean;
}

/** One end, with nobody listening yet. */
export function streamEnd(options: StreamEndOptions): StreamEnd {
  const state: State = {
    listeners: { data: [], error: [], end: [], close: [] },
    inbox: [],
    putBack: [],
    into: undefined,
    flow: undefined,
    isGone: false,
    readEnded: false,
    ended: false,
    delivering: false,
    ...options,
  };
  const pipe = bytePipe({ onFlushed: () => closeWhenOver(state, pipe), ...options });
  return {
    stream: streamOf(state, pipe),
    readInto: (buffer, onBytes) => {
      state.into = inPiecesOf(buffer, onBytes);
      deliverSoon(state, pipe);
    },
    get isGone() {
      return state.isGone;
    },
    arrived: (arrival) => {
      if (state.isGone) return arrival === 'finished' ? undefined : state.sayReset();
      state.inbox.push(arrival);
      deliver(state, pipe);
    },
    pipe,
    reset: () => reset(state, pipe),
    leave: (how) => leave(state, pipe, how),
    vanish: () => {
      go(state);
      pipe.lose();
    },
  };
}

type Events = keyof State['listeners'];

function streamOf(state: State, pipe: BytePipe): GuestStream {
  const { clock, process, listeners } = state;
  return {
    get destroyed() {
      return state.isGone;
    },
    write: (part, done) => {
      if (!process.isAlive()) return;
      if (!state.isGone && !state.ended) pipe.write(part, done && (() => void (process.isAlive() && done())));
      else if (done) clock.schedule(clock.now(), done);
    },
    pause: () => (state.flow = 'paused'),
    resume: () => {
      state.flow = 'asked';
      deliverSoon(state, pipe);
    },
    isPaused: () => state.flow === 'paused',
    end: () => {
      if (process.isAlive()) finish(state, pipe);
    },
    destroy: () => {
      if (state.isGone || !process.isAlive()) return;
      leave(state, pipe, 'orderly');
      emitClose(state);
    },
    get writableLength() {
      return pipe.waiting;
    },
    unshift: (bytes) => {
      if (bytes.length > 0) state.putBack.unshift(bytes.slice());
      deliverSoon(state, pipe);
    },
    on: (event: Events, listener: (given: never) => void) => {
      (listeners[event] as ((given: never) => void)[]).push(listener);
      if (event === 'data') deliverSoon(state, pipe);
    },
    off: (event: Events, listener: (given: never) => void) => {
      const all = listeners[event] as ((given: never) => void)[];
      const at = all.indexOf(listener);
      if (at >= 0) all.splice(at, 1);
    },
  };
}

function go(state: State): void {
  if (state.isGone) return;
  state.isGone = true;
  state.inbox.length = 0;
  state.putBack.length = 0;
  state.onGone();
}

function emitClose({ clock, process, listeners }: State): void {
  clock.schedule(clock.now(), () => {
    if (process.isAlive()) for (const listener of [...listeners.close]) listener();
  });
}

function closeWhenOver(state: State, pipe: BytePipe): void {
  if (state.isGone || !state.readEnded || !pipe.isFlushed) return;
  go(state);
  emitClose(state);
}

function finish(state: State, pipe: BytePipe): void {
  if (state.ended || state.isGone) return;
  state.ended = true;
  pipe.finish();
}

function isFlowing({ flow, into, listeners }: State): boolean {
  return flow === undefined ? into !== undefined || listeners.data.length > 0 : flow === 'asked';
}

function deliver(state: State, pipe: BytePipe): unknown {
  const { process, inbox, listeners } = state;
  let said: unknown = settledNothing;
  if (state.delivering) return said;
  state.delivering = true;
  while (isFlowing(state) && !state.isGone && process.isAlive()) {
    const again = state.putBack.shift();
    const next = again ?? inbox.shift();
    if (next === undefined) break;
    said = undefined;
    if (next === 'finished') {
      // As with a TLS socket, whose other direction ends with it.
      state.readEnded = true;
      for (const listener of [...listeners.end]) listener();
      finish(state, pipe);
      closeWhenOver(state, pipe);
      break;
    }
    // What was put back has made room when it was read first.
    if (again === undefined) state.onRead(next.length);
    if (state.into) {
      // Whoever reads into a buffer of its own has a copy. Others may keep what they are given.
      state.into(next);
      if (again === undefined) state.pieces.wasRead(next);
    } else for (const listener of [...listeners.data]) listener(next);
  }
  state.delivering = false;
  return said;
}

function deliverSoon(state: State, pipe: BytePipe): void {
  state.clock.schedule(state.clock.now(), () => deliver(state, pipe));
}

function reset(state: State, pipe: BytePipe): void {
  if (state.isGone) return;
  go(state);
  pipe.lose();
  if (!state.process.isAlive()) return;
  const cause = connectionReset();
  // Node ends a process over an error that nobody hears of.
  if (state.listeners.error.length === 0) throw cause;
  for (const listener of [...state.listeners.error]) listener(cause);
  emitClose(state);
}

function leave(state: State, pipe: BytePipe, how: 'orderly' | 'reset'): void {
  if (state.isGone) return;
  // With bytes unread, a system resets the connection.
  const resets = how === 'reset' || state.putBack.length > 0 || state.inbox.some((arrival) => arrival !== 'finished');
  go(state);
  if (resets) {
    pipe.lose();
    return state.sayReset();
  }
  // What is on its way still arrives.
  pipe.discard();
  if (!state.ended) pipe.finish();
}
