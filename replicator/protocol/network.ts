import type { Result } from '#core/result';
import type { Role } from './role.ts';

/*
 * What the processes of two sites need of the network between them: connections that carry bytes both ways, in order, and
 * that say who is at the other end. Over real networks that is TLS with a certificate on both sides (`tls-network.ts`).
 */

/** One end of a connection. A TLS socket is one as it is, so that nothing lies between a channel and its socket. */
export interface ByteStream {
  /** It carries nothing any more. */
  readonly destroyed: boolean;
  /** `done` once the bytes are the system's, or never will be: then their memory may be used for something else. */
  write(part: Uint8Array, done?: () => void): unknown;
  /** While paused, nothing is read, and sooner or later the other end cannot write any more. */
  pause(): unknown;
  resume(): unknown;
  isPaused(): boolean;
  /** Lets what was written arrive, and says that nothing more comes. */
  end(): unknown;
  /** Ends it at once. */
  destroy(): unknown;
  /** What arrives, in order. Nothing is read before somebody listens. The bytes are valid during the call only. */
  on(event: 'data', listener: (bytes: Uint8Array) => void): unknown;
  /** Why it was lost. `close` follows. */
  on(event: 'error', listener: (cause: Error) => void): unknown;
  /** It is over at both ends, or lost. The last event. */
  on(event: 'close', listener: () => void): unknown;
}

/** A connection whose other end has shown who it is. */
export interface SecuredConnection {
  readonly stream: ByteStream;
  /** The role that the other end has proven; undefined if it is none of ours. */
  readonly shown: Role | undefined;
  /** Where it comes from or goes to, for the log. */
  readonly from: string;
  /**
   * Has what arrives put into `buffer` again and again instead of into a new one each time, where that is possible. What
   * had arrived before still comes as `data`. The bytes are valid during the call only.
   */
  readInto?(buffer: Uint8Array, onBytes: (bytes: Uint8Array) => void): void;
}

/** Why there is no connection. */
export type ConnectError =
  /** The way there, or that nobody answers. */
  | { readonly type: 'Unreachable'; readonly detail: string }
  /** Who answers is not trusted, or does not trust us. */
  | { readonly type: 'Untrusted'; readonly detail: string }
  | { readonly type: 'Cancelled' };

/** Why a process does not listen. */
export type ListenError =
  | { readonly type: 'AddressInvalid'; readonly detail: string }
  | { readonly type: 'AddressInUse'; readonly address: string }
  | { readonly type: 'ListenFailed'; readonly address: string; readonly detail: string };

/** Where to listen, and for whom. */
export interface ListenOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  /** Connections at once; further ones are closed. */
  readonly connectionsMax: number;
  /** Takes a connection over. It has shown its role, or that it has none of ours. */
  readonly onConnection: (connection: SecuredConnection) => void;
  /** Told of one that did not come about: who, and why. */
  readonly onRefused: (from: string, detail: string) => void;
}

/** Something that listens. */
export interface Listener {
  /** `host:port`, with the port it got. */
  readonly address: string;
  /** Takes no more connections. Resolves when those that were taken are over; ending them is the caller's. Idempotent. */
  close(): Promise<void>;
}

/** The network as one process sees it: it shows one role, whatever it connects to and whoever comes. */
export interface Network {
  /** The role that this process shows. */
  readonly role: Role;
  /** Connects to `host:port`. Settles within `connectMax`, or when `signal` is aborted. Never rejects. */
  connect(address: string, signal?: AbortSignal): Promise<Result<SecuredConnection, ConnectError>>;
  /** Listens until it is closed. Never rejects. */
  listen(options: ListenOptions): Promise<Result<Listener, ListenError>>;
}
