import type { Millis } from '#core/units';
import { describeAddress, type NbdAddress } from './nbd-address.ts';

/** Why an export could not be opened. Nothing was read or written. */
export type NbdError =
  /** The address is not an NBD URI that we understand. */
  | { readonly type: 'InvalidUri'; readonly uri: string; readonly detail: string }
  /** The TLS material cannot be used: a file is missing, unreadable or not what it should be. */
  | { readonly type: 'InvalidCertificates'; readonly where: string; readonly detail: string }
  /** Nothing answers at the address. */
  | { readonly type: 'Unreachable'; readonly address: NbdAddress; readonly detail: string }
  /** The peer answers but is none we can talk to: an oldstyle server, or no NBD server at all. */
  | { readonly type: 'UnsupportedServer'; readonly detail: string }
  /** The server insists on TLS and the address did not ask for it. */
  | { readonly type: 'TlsRequired' }
  /** The address asks for TLS and the server has none. We never fall back to plain text. */
  | { readonly type: 'TlsUnavailable'; readonly detail: string }
  /** The TLS handshake failed: certificates that do not match, most likely. */
  | { readonly type: 'TlsFailed'; readonly detail: string }
  /** `available` is what the server lists, or undefined where it does not list. */
  | { readonly type: 'ExportNotFound'; readonly name: string; readonly available: readonly string[] | undefined }
  /** A metadata context the caller needs is not offered. `available` as for exports. */
  | { readonly type: 'ContextNotFound'; readonly context: string; readonly available: readonly string[] | undefined }
  /** The server understood and said no, in its own words. */
  | { readonly type: 'Refused'; readonly request: string; readonly reason: string }
  | { readonly type: 'ConnectionLost'; readonly detail: string }
  | { readonly type: 'TimedOut'; readonly stage: 'connecting' | 'negotiating'; readonly after: Millis }
  /** The peer broke the protocol; the connection was closed. */
  | { readonly type: 'ProtocolViolation'; readonly detail: string }
  /** The caller's signal was aborted. */
  | { readonly type: 'Aborted' };

/** One sentence for a person: what is wrong, where, and what to do next. */
export function describeNbdError(error: NbdError): string {
  switch (error.type) {
    case 'InvalidUri':
      return `${JSON.stringify(error.uri)} is not an NBD address: ${error.detail}; use nbd://host[:10809]/NAME, nbds://..., nbd+unix:///NAME?socket=PATH or nbds+unix://...`;
    case 'InvalidCertificates':
      return `the TLS certificates in ${error.where} cannot be used: ${error.detail}; give a folder with ca-cert.pem and, if the server asks for one, client-cert.pem and client-key.pem`;
    case 'Unreachable':
      return `no NBD server answers at ${describeAddress(error.address)} (${error.detail}); check that it runs and may be reached`;
    case 'UnsupportedServer':
      return `the server cannot be used: ${error.detail}`;
    case 'TlsRequired':
      return 'the server insists on TLS; use nbds:// or nbds+unix:// in the address';
    case 'TlsUnavailable':
      return `the address asks for TLS but the server does not offer it (${error.detail}); enable TLS there, or use nbd:// on a network you trust`;
    case 'TlsFailed':
      return `the TLS handshake with the server failed: ${error.detail}; check the certificates on both sides`;
    case 'ExportNotFound':
      return `the server has no export ${JSON.stringify(error.name)}${offered(error.available, 'it has')}`;
    case 'ContextNotFound':
      return `the export has no metadata context ${JSON.stringify(error.context)}${offered(error.available, 'it has')}`;
    case 'Refused':
      return `the server refused ${error.request}: ${error.reason}`;
    case 'ConnectionLost':
      return `the connection to the server was lost while opening the export: ${error.detail}`;
    case 'TimedOut':
      return `the server did not answer within ${error.after} ms while ${error.stage}`;
    case 'ProtocolViolation':
      return `the server broke the NBD protocol and was disconnected: ${error.detail}`;
    case 'Aborted':
      return 'opening the export was called off';
  }
}

// A person can pick from a dozen names; a server may have thousands.
const namesShownMax = 12;

function offered(names: readonly string[] | undefined, lead: string): string {
  if (names === undefined) return '';
  if (names.length === 0) return `; ${lead} none`;
  const shown = names.slice(0, namesShownMax).map((name) => JSON.stringify(name));
  const more = names.length > namesShownMax ? ` and ${names.length - namesShownMax} more` : '';
  return `; ${lead} ${shown.join(', ')}${more}`;
}
