import type { Server } from 'node:tls';
import { err, ok, type Result } from '#core/result';
import { codeOf } from '#replicator/disk/durable-file';
import { formatAddress, parseAddress, type Address } from './address.ts';
import type { ListenError } from './network.ts';

/** Has a server listen at `host:port`. Answers with the address and the port it got. */
export async function listenAt(server: Server, address: string): Promise<Result<string, ListenError>> {
  const parsed = parseAddress(address);
  if (!parsed.ok) return err({ type: 'AddressInvalid', detail: parsed.error });
  const failed = await listening(server, parsed.value);
  if (failed) {
    if (codeOf(failed) === 'EADDRINUSE') return err({ type: 'AddressInUse', address });
    return err({ type: 'ListenFailed', address, detail: failed.message });
  }
  const bound = server.address();
  const port = typeof bound === 'object' && bound ? bound.port : parsed.value.port;
  return ok(formatAddress({ host: parsed.value.host, port }));
}

function listening(server: Server, { host, port }: Address): Promise<Error | undefined> {
  return new Promise((resolve) => {
    server.once('error', resolve);
    server.listen(port, host, () => {
      server.removeListener('error', resolve);
      // An error on accepting concerns one connection that did not come about.
      server.on('error', () => undefined);
      resolve(undefined);
    });
  });
}
