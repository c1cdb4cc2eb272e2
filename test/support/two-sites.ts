import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { millis } from '#core/units';
import { makeCertificates } from '#replicator/certificates/make-certificates';
import { runGateway } from '#replicator/gateway/gateway';
import { gatewayPath } from '#replicator/gateway/gateway-path';
import type { ReplicationPath } from '#replicator/pipeline/replication';
import type { Service } from '#replicator/protocol/serve';
import { runReceiver } from '#replicator/receiver/receiver';
import { valueOf } from './value-of.ts';

/** A gateway and a receiver in this process, connected over real TLS, and a way through them. */
export interface TwoSites {
  readonly certificates: string;
  readonly gateway: Service;
  readonly receiver: Service;
  /** The directory of the receiver. */
  readonly directory: string;
  readonly path: ReplicationPath;
  close(): Promise<void>;
}

/** Starts both below `folder`. Lost peers are not waited for longer than a test should. */
export async function startTwoSites(folder: string): Promise<TwoSites> {
  const certificates = join(folder, 'certificates');
  const directory = join(folder, 'replicas');
  await mkdir(directory, { recursive: true });
  valueOf(await makeCertificates({ directory: certificates }));
  const listen = '127.0.0.1:0';
  const patience = millis(2_000);
  const receiver = valueOf(await runReceiver({ listen, directory, certificates }));
  const state = join(folder, 'gateway-state');
  const gateway = valueOf(await runGateway({ listen, receiver: receiver.address, certificates, state, patience }));
  const path = gatewayPath({ address: gateway.address, certificates, patience });
  return {
    certificates,
    gateway,
    receiver,
    directory,
    path,
    close: async () => {
      await path.close();
      await gateway.close();
      await receiver.close();
    },
  };
}
