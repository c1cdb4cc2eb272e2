import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { makeCertificates } from '#replicator/certificates/make-certificates';
import type { ReplicationProcess } from './replication-process.ts';
import { valueOf } from './value-of.ts';

/** A gateway or a receiver in a process of its own. */
export interface Appliance {
  /** `host:port` where it listens. */
  readonly address: string;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
}

/** Certificates, a folder for replicas, and processes that are ended with the test. */
export interface Appliances {
  /** At a given address it comes back where it was. */
  receiver(listen?: string): Promise<Appliance>;
  gateway(receiver: string): Promise<Appliance>;
  /** The `path` of a scenario that goes through this gateway. */
  pathThrough(gateway: string): string;
  /** The file of a replica by the name the receiver knows it by. */
  received(name: string): string;
  dispose(): Promise<void>;
}

/** Appliances whose files are below `folder`. Nothing is started yet. */
export function applianceSite(folder: string): Appliances {
  const certificates = join(folder, 'certificates');
  const directory = join(folder, 'received');
  const running = new Set<ChildProcess>();
  let made: Promise<unknown> | undefined;
  const prepared = (): Promise<unknown> =>
    (made ??= mkdir(directory, { recursive: true }).then(async () =>
      valueOf(await makeCertificates({ directory: certificates })),
    ));
  const start = async (role: ReplicationProcess): Promise<Appliance> => {
    await prepared();
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', 'test/support/replication-process.ts', JSON.stringify(role)],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    running.add(child);
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const { address } = JSON.parse(line) as { readonly address?: string };
    if (address === undefined) throw new Error(`${role.role} did not start: ${line}`);
    return { address, kill: () => kill(child) };
  };
  return {
    receiver: (listen = '127.0.0.1:0') => start({ role: 'receiver', options: { listen, certificates, directory } }),
    gateway: (receiver) =>
      start({
        role: 'gateway',
        options: { listen: '127.0.0.1:0', certificates, receiver, state: join(folder, 'gateway') },
      }),
    pathThrough: (gateway) => `{ gateway: { address: '${gateway}', certificates: '${certificates}' } }`,
    received: (name) => join(directory, name),
    dispose: async () => {
      await Promise.all([...running].map(kill));
    },
  };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
