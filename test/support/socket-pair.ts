import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Both ends of a TCP connection within this process. */
export async function socketPair(): Promise<readonly [Socket, Socket]> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  const accepted = once(server, 'connection');
  const near = connect(address.port, '127.0.0.1');
  const [far] = (await accepted) as [Socket];
  server.close();
  return [near, far];
}
