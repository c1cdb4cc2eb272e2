/** Where an NBD server listens. */
export type NbdAddress =
  | { readonly type: 'tcp'; readonly host: string; readonly port: number }
  | { readonly type: 'unix'; readonly path: string };

/** An address as people write it. */
export function describeAddress(address: NbdAddress): string {
  if (address.type === 'unix') return `the socket ${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
