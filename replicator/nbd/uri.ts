import { err, ok, type Result } from '#core/result';
import type { NbdAddress } from './nbd-address.ts';
import type { NbdError } from './nbd-error.ts';
import { stringMax } from './wire.ts';

/** An NBD URI taken apart. */
export interface NbdUri {
  readonly address: NbdAddress;
  /** TLS is demanded (`nbds`), never merely tried. */
  readonly tls: boolean;
  /** The folder with `ca-cert.pem` and, optionally, `client-cert.pem` and `client-key.pem`. */
  readonly tlsCertificates?: string;
  /** Empty is the server's default export. */
  readonly exportName: string;
}

/** The port that IANA gave to NBD. */
export const nbdPort = 10809;
// `sun_path` of Linux has 108 bytes, the last of them a NUL.
const socketPathMax = 107;

const shape = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?(#.*)?$/s;
const schemes = new Map([
  ['nbd', { tls: false, unix: false }],
  ['nbds', { tls: true, unix: false }],
  ['nbd+unix', { tls: false, unix: true }],
  ['nbds+unix', { tls: true, unix: true }],
]);

/**
 * Takes an NBD URI apart: `nbd://host[:10809]/NAME`, `nbds://...`, `nbd+unix:///NAME?socket=PATH`, `nbds+unix://...`.
 * Names and paths are percent-decoded. What is not understood is refused, never ignored.
 */
export function parseNbdUri(uri: string): Result<NbdUri, NbdError> {
  const invalid = (detail: string) => err({ type: 'InvalidUri', uri, detail } as const);
  // Not `new URL`: it would resolve `..` within export names, which are no paths.
  const parts = shape.exec(uri);
  if (parts === null) return invalid('it is not of the form scheme://...');
  const [, schemeText = '', authority = '', path = '', queryText = '', fragment] = parts;
  const scheme = schemes.get(schemeText.toLowerCase());
  if (scheme === undefined) return invalid(`the scheme ${schemeText} is not nbd, nbds, nbd+unix or nbds+unix`);
  if (fragment !== undefined)
    return invalid('a # starts a fragment, which has no meaning here; write %23 for a # in a name');

  const exportName = decode(path);
  if (exportName === undefined) return invalid('the export name has a broken % sequence');
  const nameLength = Buffer.byteLength(exportName);
  if (nameLength > stringMax) return invalid(`the export name has ${nameLength} bytes and may have ${stringMax}`);

  const query = parseQuery(queryText);
  if (!query.ok) return invalid(query.error);
  const address = scheme.unix ? unixAddress(authority, query.value) : tcpAddress(authority, query.value);
  if (!address.ok) return invalid(address.error);

  const tlsCertificates = query.value.get('tls-certificates');
  if (tlsCertificates === '') return invalid('tls-certificates names no folder');
  if (tlsCertificates !== undefined && !scheme.tls)
    return invalid(`tls-certificates needs ${scheme.unix ? 'nbds+unix' : 'nbds'}; without the s there is no TLS`);
  return ok({
    address: address.value,
    tls: scheme.tls,
    ...(tlsCertificates === undefined ? {} : { tlsCertificates }),
    exportName,
  });
}

/** The URI in its canonical form: parsing it again gives the same. */
export function formatNbdUri({ address, tls, tlsCertificates, exportName }: NbdUri): string {
  const name = encodeURIComponent(exportName).replaceAll('%2F', '/');
  const query = [
    ...(address.type === 'unix' ? [`socket=${encodePath(address.path)}`] : []),
    ...(tlsCertificates === undefined ? [] : [`tls-certificates=${encodePath(tlsCertificates)}`]),
  ].join('&');
  const scheme = `nbd${tls ? 's' : ''}${address.type === 'unix' ? '+unix' : ''}`;
  const authority = address.type === 'unix' ? '' : formatAuthority(address.host, address.port);
  return `${scheme}://${authority}/${name}${query === '' ? '' : `?${query}`}`;
}

const encodePath = (path: string): string => encodeURIComponent(path).replaceAll('%2F', '/');
const formatAuthority = (host: string, port: number): string =>
  `${host.includes(':') ? `[${host}]` : host}${port === nbdPort ? '' : `:${port}`}`;

function parseQuery(text: string): Result<ReadonlyMap<string, string>, string> {
  const query = new Map<string, string>();
  for (const pair of text === '' ? [] : text.split('&')) {
    const equals = pair.indexOf('=');
    const key = equals < 0 ? pair : pair.slice(0, equals);
    const value = decode(equals < 0 ? '' : pair.slice(equals + 1));
    if (key === 'tls-psk-file') return err('tls-psk-file is not supported; use certificates (tls-certificates=DIR)');
    if (key !== 'socket' && key !== 'tls-certificates')
      return err(`the parameter ${JSON.stringify(key)} is not socket or tls-certificates`);
    if (value === undefined) return err(`the value of ${key} has a broken % sequence`);
    if (query.has(key)) return err(`${key} is given twice`);
    query.set(key, value);
  }
  return ok(query);
}

function unixAddress(authority: string, query: ReadonlyMap<string, string>): Result<NbdAddress, string> {
  if (authority !== '')
    return err(
      `a Unix socket has no host; write three slashes before the name instead of ${JSON.stringify(authority)}`,
    );
  const path = query.get('socket');
  if (path === undefined || path === '') return err('the parameter socket=PATH is missing');
  if (path.includes('\0')) return err('the socket path has a NUL');
  if (Buffer.byteLength(path) > socketPathMax)
    return err(
      `the socket path has ${Buffer.byteLength(path)} bytes and may have ${socketPathMax}; use a shorter folder`,
    );
  return ok({ type: 'unix', path });
}

const authorityShape = /^(?:\[([0-9A-Fa-f:.]+(?:%25[^\]]+)?)\]|([^:[\]]*))(?::([0-9]*))?$/;

function tcpAddress(authority: string, query: ReadonlyMap<string, string>): Result<NbdAddress, string> {
  if (query.has('socket')) return err('socket=PATH needs the scheme nbd+unix or nbds+unix');
  if (authority.includes('@')) return err('a user name (for TLS with a pre-shared key) is not supported');
  const parts = authorityShape.exec(authority);
  if (parts === null) return err(`${JSON.stringify(authority)} is not host, host:port, [IPv6] or [IPv6]:port`);
  const host = decode(parts[1] ?? parts[2] ?? '');
  if (host === undefined || /[\0\s]/.test(host)) return err(`${JSON.stringify(authority)} is not a host`);
  const portText = parts[3] ?? '';
  const port = portText === '' ? nbdPort : Number(portText);
  if (port < 1 || port > 65535) return err(`the port ${portText} is not between 1 and 65535`);
  // As other NBD clients do: no host is this host.
  return ok({ type: 'tcp', host: host === '' ? 'localhost' : host, port });
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
