import type { SentinelId } from '#core/ids';
import type { Result } from '#core/result';
import type { ByteStream, Listener, ListenError } from './network.ts';
import type { Role } from './role.ts';

/*
 * What a sentinel and its gateway need of the network between them. It differs from `network.ts` in who may come: a guest that
 * is to be enrolled has no certificate yet, so that who it is and whether it may come in is looked at behind the connection,
 * with what was shown on it. Over real networks that is TLS 1.3 (`tls-guest-network.ts`).
 */

/** One end of a connection between a guest and its gateway. A socket is one as it is. */
export interface GuestStream extends ByteStream {
  /** Bytes that were written and are not the system's yet. */
  readonly writableLength: number;
  on(event: 'data', listener: (bytes: Uint8Array) => void): unknown;
  on(event: 'error', listener: (cause: Error) => void): unknown;
  /** `end`: the other end says that nothing more comes. */
  on(event: 'close' | 'end', listener: () => void): unknown;
  off(event: 'data', listener: (bytes: Uint8Array) => void): unknown;
  off(event: 'error', listener: (cause: Error) => void): unknown;
  off(event: 'close' | 'end', listener: () => void): unknown;
  /** Puts back what was read and is for somebody else: it comes again, before anything else. */
  unshift(bytes: Uint8Array): unknown;
}

/** What the two ends of one connection have in common with nobody else: what is signed with it proves nothing elsewhere. */
export interface ConnectionSecret {
  /** Bytes that both ends have of the same label (RFC 8446, exporters). Throws once the connection is gone. */
  exportKeyingMaterial(length: number, label: string, context: Uint8Array): Uint8Array;
}

/** What a certificate of a sentinel says. Whether it is genuine is another question. */
export interface SentinelCertificate {
  /** SHA-256 in hex: what it is known by. */
  readonly fingerprint: string;
  /** Whose it is; undefined if it is for anything but a sentinel. */
  readonly sentinel: SentinelId | undefined;
  /** Milliseconds since 1970. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** A certificate that was shown on a connection. */
export interface ShownCertificate extends SentinelCertificate {
  /** The authority of this gateway has issued it. */
  readonly isGenuine: boolean;
  /** Nothing is wrong with it in the eyes of whoever secures the connection, who knows more than we ask for. */
  readonly isTrusted: boolean;
}

/** A connection at the gateway, from whoever it is. */
export interface VisitorConnection {
  readonly stream: GuestStream;
  readonly secret: ConnectionSecret;
  /** An address, for the log. */
  readonly from: string;
  /** Undefined where none was shown. */
  shown(): ShownCertificate | undefined;
}

/** A connection at the guest. What answers has a certificate of the authority that was asked for. */
export interface GatewayConnection {
  readonly stream: GuestStream;
  readonly secret: ConnectionSecret;
  /** The role of what answers; undefined if it is none of ours. */
  readonly role: Role | undefined;
  /** SHA-256 in hex of its public key. */
  readonly pin: string;
}

/** Why a guest has no connection. */
export type GuestConnectError =
  | { readonly type: 'Unreachable'; readonly detail: string }
  /** Something answers that is not our gateway. Nothing was said to it. */
  | { readonly type: 'NotOurGateway'; readonly detail: string };

/** Whom a guest wants to reach, and as whom. */
export interface GatewayWanted {
  /** `host:port`. It is known by its authority and its key, whatever its name. */
  readonly address: string;
  /** The authority of the gateway, as its bundle has it. */
  readonly ca: string;
  /** Certificate and key as their files have them; undefined before an enrolment. */
  readonly shown: { readonly certificate: string; readonly key: string } | undefined;
}

/** The network as a guest sees it. */
export interface GuestNetwork {
  /** Settles within `connectMax`, or when `signal` is aborted. Never rejects. */
  connect(wanted: GatewayWanted, signal?: AbortSignal): Promise<Result<GatewayConnection, GuestConnectError>>;
}

/** Where a gateway waits for guests. */
export interface GuestListenOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  /** Connections at once; further ones are closed. */
  readonly connectionsMax: number;
  /** Takes a connection over, whoever it is of. */
  readonly onConnection: (connection: VisitorConnection) => void;
  /** Told of one that did not come about: who, and why. */
  readonly onRefused: (from: string, detail: string) => void;
}

/** The network as a gateway sees it where guests come. */
export interface GuestEntry {
  /** Listens until it is closed, which ends all connections, also those that are being secured. Never rejects. */
  listen(options: GuestListenOptions): Promise<Result<Listener, ListenError>>;
}
