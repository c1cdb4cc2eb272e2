import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, type NetConnectOpts } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from '#replicator/protocol/free-port';
import { temporaryFolder } from '#test/support/qemu-machine';

/** A real NBD server that was started for one test. */
export interface NbdServer {
  readonly folder: string;
  /** The address of an export. */
  uri(exportName?: string): string;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
  /** Kills it and removes its folder. */
  dispose(): Promise<void>;
}

/** What to start. `args` come after those that say where to listen. */
export interface NbdServerOptions {
  readonly program: 'qemu-nbd' | 'nbdkit';
  readonly args: readonly string[];
  /** With the disks. Default: a new one. */
  readonly folder?: string;
  /** On 127.0.0.1 instead of a Unix socket. */
  readonly tcp?: boolean;
  /** The scheme of `uri`. Default: `nbd`. */
  readonly scheme?: 'nbd' | 'nbds';
  /** Appended to `uri`, such as `tls-certificates=DIR`. */
  readonly query?: string;
}

/** Starts a server and returns once it accepts connections. Throws with what it printed if it does not come up. */
export async function startNbdServer(options: NbdServerOptions): Promise<NbdServer> {
  const { program, tcp = false, scheme = 'nbd', query } = options;
  const folder = options.folder ?? (await temporaryFolder());
  const path = join(folder, `${program}.sock`);
  const port = tcp ? await freePort() : 0;
  const where = {
    'qemu-nbd': tcp ? ['--bind=127.0.0.1', `--port=${port}`] : [`--socket=${path}`],
    nbdkit: tcp ? ['--ipaddr=127.0.0.1', `--port=${port}`] : [`--unix=${path}`],
  }[program];
  const foreground = program === 'nbdkit' ? ['--foreground', '--exit-with-parent'] : ['--persistent'];
  const server = spawn(program, [...foreground, ...where, ...options.args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let printed = '';
  server.stderr?.on('data', (data: Buffer) => (printed += data.toString()));
  const ended = once(server, 'exit');
  if (!(await accepts(tcp ? { host: '127.0.0.1', port } : { path }, server)))
    throw new Error(`${program} did not come up: ${printed}`);
  const kill = async (): Promise<void> => {
    if (server.exitCode === null && server.signalCode === null) server.kill('SIGKILL');
    await ended;
  };
  return {
    folder,
    uri: (exportName = '') =>
      tcp
        ? `${scheme}://127.0.0.1:${port}/${exportName}${query === undefined ? '' : `?${query}`}`
        : `${scheme}+unix:///${exportName}?socket=${path}${query === undefined ? '' : `&${query}`}`,
    kill,
    dispose: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

// Servers say nowhere that they listen now; a connection that is accepted is the only proof.
const tryEvery = 10;
const triesMax = 1000;

async function accepts(target: NetConnectOpts, server: ChildProcess): Promise<boolean> {
  for (let tries = 0; tries < triesMax && server.exitCode === null; tries++) {
    const socket = connect(target);
    const [outcome] = await Promise.race([
      once(socket, 'connect').then(() => ['accepted']),
      once(socket, 'error').then(() => ['refused']),
    ]).catch(() => ['refused']);
    socket.destroy();
    if (outcome === 'accepted') return true;
    await wait(tryEvery);
  }
  return false;
}
