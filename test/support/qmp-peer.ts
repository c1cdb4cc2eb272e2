import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { temporaryFolder } from './qemu-machine.ts';

/** What a monitor answers to a command: what it returns, or an error's description. Undefined: it says nothing at all. */
export type QmpAnswer = { readonly returns: unknown } | { readonly error: string } | undefined;

/** A monitor for what no QEMU can be brought to say on demand: old versions, rare states, lost answers. */
export interface QmpPeer extends AsyncDisposable {
  readonly path: string;
  /** Every command it was sent, in order, over all connections. */
  readonly commands: readonly string[];
  /** Closes every connection, as when the way to the host is cut. */
  hangUp(): void;
}

/** Listens on a Unix socket of its own and speaks QMP. `answer` may change its mind from call to call. */
export async function qmpPeer(
  answer: (command: string) => QmpAnswer,
  version = { major: 7, minor: 2, micro: 0 },
): Promise<QmpPeer> {
  const folder = await temporaryFolder();
  const path = join(folder, 'qmp');
  const commands: string[] = [];
  const connections = new Set<{ destroy(): unknown }>();
  const server = createServer((socket) => {
    const say = (message: unknown): void => void socket.write(`${JSON.stringify(message)}\r\n`);
    connections.add(socket);
    socket.on('error', () => {}); // Whoever is tested may hang up at any moment.
    socket.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n').filter((one) => one !== '')) {
        const { execute, id } = JSON.parse(line) as { execute: string; id: string };
        const said = execute === 'qmp_capabilities' ? { returns: {} } : answer(execute);
        if (execute !== 'qmp_capabilities') commands.push(execute);
        if (said === undefined) continue;
        say(
          'returns' in said ? { return: said.returns, id } : { error: { class: 'GenericError', desc: said.error }, id },
        );
      }
    });
    say({ QMP: { version: { qemu: version, package: '' }, capabilities: [] } });
  });
  await new Promise<void>((listening) => server.listen(path, listening));
  const hangUp = (): void => {
    for (const connection of connections) connection.destroy();
    connections.clear();
  };
  return {
    path,
    commands,
    hangUp,
    async [Symbol.asyncDispose]() {
      hangUp();
      await new Promise((closed) => server.close(closed));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
