/**
 * A gateway, a receiver or one replication as a process of its own, for tests that kill it and benches that measure it.
 *
 * `node --import tsx test/support/replication-process.ts '<JSON>'`. Says one JSON object per line on standard output:
 * `{ address }` once it listens, `{ progress }` while it replicates, `{ report }` or `{ error }` at the end.
 */
import { runGateway } from '#replicator/gateway/gateway';
import { runReceiver } from '#replicator/receiver/receiver';
import { replicate } from '#replicator/replicate';
import type { GatewayOptions } from '#replicator/gateway/gateway';
import type { ReceiverOptions } from '#replicator/receiver/receiver';
import type { ReplicateOptions } from '#replicator/replicate';

/** What the process is to be. */
export type ReplicationProcess =
  | { readonly role: 'gateway'; readonly options: GatewayOptions }
  | { readonly role: 'receiver'; readonly options: ReceiverOptions }
  | { readonly role: 'replicate'; readonly options: ReplicateOptions };

const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

async function main(asked: ReplicationProcess): Promise<void> {
  if (asked.role === 'replicate') {
    const done = await replicate({ ...asked.options, onProgress: (progress) => say({ progress }) });
    say(done.ok ? { report: done.value } : { error: done.error });
    return;
  }
  const log = (line: string): void => void process.stderr.write(`${asked.role}: ${line}\n`);
  const service =
    asked.role === 'gateway'
      ? await runGateway({ ...asked.options, log })
      : await runReceiver({ ...asked.options, log });
  if (!service.ok) {
    say({ error: service.error });
    process.exitCode = 1;
    return;
  }
  process.once('SIGTERM', () => void service.value.close());
  say({ address: service.value.address });
}

await main(JSON.parse(process.argv[2] ?? '{}') as ReplicationProcess);
