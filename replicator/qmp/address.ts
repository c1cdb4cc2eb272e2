/** Where a QMP monitor listens. */
export type QmpAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/** The address as a person would write it. */
export const describeQmpAddress = (address: QmpAddress): string =>
  'path' in address ? address.path : `${address.host}:${address.port}`;
