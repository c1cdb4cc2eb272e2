import { mkdir } from 'node:fs/promises';
import type { Clock } from '#core/clock';
import { err, ok, type Result } from '#core/result';
import type { Millis } from '#core/units';
import { detailOf } from '#replicator/disk/durable-file';
import type { NbdConnectOptions } from '#replicator/nbd/client';
import { parseAddress } from '#replicator/protocol/address';
import { readCredentials } from '#replicator/protocol/credentials';
import { patienceDefault } from '#replicator/protocol/reconnect';
import { serve, type Service } from '#replicator/protocol/serve';
import type { StartError } from '#replicator/receiver/receiver';
import { wallClock } from '#replicator/wall-clock';
import { serveManager, type RunningJobs } from './gateway-session.ts';
import type { GatewaySite } from './run-job.ts';

/** How a gateway is set up. */
export interface GatewayOptions {
  /** `host:port` to listen at for managers; port 0 takes a free one. */
  readonly listen: string;
  /** `host:port` of its receiver. */
  readonly receiver: string;
  /** Where `sealift certs` put `ca-cert.pem`, `gateway-cert.pem` and `gateway-key.pem`. */
  readonly certificates: string;
  /** A directory of its own, made if it is not there: digests of what it sent. Losing it costs fetching them again. */
  readonly state: string;
  readonly nbd?: Pick<NbdConnectOptions, 'connections' | 'tls'>;
  readonly clock?: Clock;
  /** How long a receiver that is gone is tried again before a job fails. */
  readonly patience?: Millis;
  /** Takes one line about who came and what was done. No content, no secrets. */
  readonly log?: (line: string) => void;
}

/** Runs a gateway: takes jobs from managers, reads sources, and streams to its receiver. Never rejects. */
export async function runGateway(options: GatewayOptions): Promise<Result<Service, StartError>> {
  const { certificates, listen, state } = options;
  const credentials = await readCredentials(certificates, 'gateway');
  if (!credentials.ok) return credentials;
  const receiver = parseAddress(options.receiver);
  if (!receiver.ok) return err({ type: 'AddressInvalid', detail: receiver.error });
  try {
    await mkdir(state, { recursive: true });
  } catch (cause) {
    return err({ type: 'DirectoryUnusable', directory: state, detail: detailOf(cause) });
  }
  const site: GatewaySite = {
    credentials: credentials.value,
    receiver: options.receiver,
    state,
    clock: options.clock ?? wallClock,
    nbd: options.nbd ?? {},
    patience: options.patience ?? patienceDefault,
    log: options.log ?? (() => undefined),
  };
  const jobs: RunningJobs = new Map();
  const sessions = new Set<Promise<void>>();
  const service = await serve({
    listen,
    credentials: credentials.value,
    admits: 'manager',
    log: site.log,
    onPeer: (channel) => {
      const session = serveManager(site, jobs, channel);
      sessions.add(session);
      return session.finally(() => sessions.delete(session));
    },
  });
  if (!service.ok) return service;
  const close = async (): Promise<void> => {
    await service.value.close();
    await Promise.allSettled(sessions);
  };
  return ok({ address: service.value.address, close });
}
