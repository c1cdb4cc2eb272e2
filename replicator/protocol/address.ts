import { err, ok, type Result } from '#core/result';

/** A host and a port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Takes `host:port` or `[v6]:port` apart. The error is a sentence. */
export function parseAddress(text: string): Result<Address, string> {
  const found = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(text);
  const host = found?.[1] ?? found?.[2];
  const port = Number(found?.[3]);
  if (host === undefined || port > 65_535) {
    return err(`${JSON.stringify(text)} is not an address; write host:port, for example 10.0.0.5:9443 or [::1]:9443`);
  }
  return ok({ host, port });
}

/** The reverse of `parseAddress`. */
export const formatAddress = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
