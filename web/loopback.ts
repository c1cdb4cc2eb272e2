import { isIP } from 'node:net';

/** Whether an address can be reached from this machine only. Names other than `localhost` are not: they may move. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}

/** The address to listen on. A name could be made to resolve elsewhere, so `localhost` is taken by its number. */
export const listenAddress = (host: string): string => (host === 'localhost' ? '127.0.0.1' : host);

/** A host as it stands in a URL. */
export const urlHost = (host: string): string => (isIP(host) === 6 ? `[${host}]` : host);

/** What a request says about where it comes from. Header values; undefined when the header is missing. */
export interface RequestOrigin {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
}

/** Why a request is not served although it came over loopback. */
export type ForeignRequest =
  { readonly type: 'ForeignHost'; readonly host: string } | { readonly type: 'ForeignOrigin' };

/**
 * There is no authentication yet, so a page of another site in the operator's own browser must get nothing:
 * - a name that was made to point here (DNS rebinding) shows in `Host`, which must be a loopback address, and
 * - a request that another site sends shows in `Origin` and `Sec-Fetch-Site`; it may not change anything.
 *
 * Any port is fine: behind an SSH tunnel it is not ours.
 */
export function foreignRequest({ method, host, origin, fetchSite }: RequestOrigin): ForeignRequest | undefined {
  const name = hostName(host);
  if (name === undefined || !isLoopback(name)) return { type: 'ForeignHost', host: host ?? '' };
  if (method === 'GET' || method === 'HEAD') return undefined;
  if (origin !== undefined && origin !== `http://${host}`) return { type: 'ForeignOrigin' };
  if (fetchSite !== undefined && fetchSite !== 'same-origin' && fetchSite !== 'none') return { type: 'ForeignOrigin' };
  return undefined;
}

function hostName(host: string | undefined): string | undefined {
  if (host === undefined) return undefined;
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(host);
  return bracketed ? bracketed[1] : /^([^:]+)(?::\d+)?$/.exec(host)?.[1];
}
