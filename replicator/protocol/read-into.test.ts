import { once } from 'node:events';
import { connect, createServer, Socket, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { readInto } from './read-into.ts';

describe('readInto', () => {
  const opened: { destroy(): void }[] = [];
  afterEach(() => opened.splice(0).forEach((socket) => socket.destroy()));

  const pair = async (): Promise<readonly [Socket, Socket]> => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [accepted] = (await once(server, 'connection')) as [Socket];
    server.close();
    opened.push(client, accepted);
    return [accepted, client];
  };

  it('puts what arrives into the one buffer, in order, until the end', async () => {
    const [accepted, client] = await pair();
    const buffer = new Uint8Array(16);
    const seen: number[] = [];
    expect(readInto(accepted, buffer, (bytes) => seen.push(...bytes))).toBe(true);
    accepted.on('data', () => expect.fail('it came past the buffer'));
    const sent = Array.from({ length: 1_000 }, (_, n) => n % 251);
    client.end(Buffer.from(sent));
    await once(accepted, 'end');
    expect(seen).toEqual(sent);
  });

  it('leaves a socket alone that reads in another way already, or is none any more', async () => {
    const [accepted] = await pair();
    const ignore = (): void => undefined;
    expect(readInto(accepted, new Uint8Array(16), ignore)).toBe(true);
    expect(readInto(accepted, new Uint8Array(16), ignore)).toBe(false);
    expect(readInto(new Socket(), new Uint8Array(16), ignore)).toBe(false);
  });
});
