import type { Clock } from '#core/clock';
import { invariant } from '#core/invariant';
import { err, ok, type Result } from '#core/result';
import type { Millis } from '#core/units';
import { detailOf } from '#replicator/disk/durable-file';
import type { Files } from '#replicator/disk/files';
import { nodeFiles } from '#replicator/disk/node-files';
import type { NbdConnectOptions } from '#replicator/nbd/client';
import { parseAddress } from '#replicator/protocol/address';
import type { OpenDiskOptions } from '#replicator/disk/open-disk';
import { readCredentials } from '#replicator/protocol/credentials';
import type { Packing } from '#replicator/protocol/frame';
import type { Network } from '#replicator/protocol/network';
import { patienceDefault } from '#replicator/protocol/reconnect';
import { serve, type Service } from '#replicator/protocol/serve';
import { networkOf, type WayIn } from '#replicator/protocol/tls-network';
import {
  describeStartError,
  whyUnusable as whyDirectoryUnusable,
  type StartError,
} from '#replicator/receiver/receiver';
import { wallClock } from '#replicator/wall-clock';
import { serveManager, type GatewaySite, type RunningJobs } from './gateway-session.ts';
import type { NewestAgent } from '#replicator/gateway/guests/manager-questions';
import {
  openGuests,
  openGuestsAt,
  type Guests,
  type GuestsError,
  type GuestsSite,
} from '#replicator/gateway/guests/guests';
import { forwardedJobs, localJobs, type GatewayJobs } from './jobs.ts';

/** How a gateway is set up. */
export type GatewayOptions = {
  /** `host:port` to listen at for managers; port 0 takes a free one. */
  readonly listen: string;
  /** `host:port` of its receiver; or `directory`, never both. */
  readonly receiver?: string;
  /** Single-site: the one directory it writes replicas in itself. It must exist. */
  readonly directory?: string;
  /** `host:port` to listen at for sentinels, who know it by its certificate; port 0 takes a free one. */
  readonly guests?: string;
  /** Has sentinels come in place of those that know its certificate. */
  readonly guestsSite?: GuestsSite;
  /** The agent to replace older ones with. */
  readonly newestAgent?: NewestAgent;
  /** A directory of its own, made if it is not there: digests of what it sent. Losing it costs fetching them again. */
  readonly state: string;
  readonly nbd?: Pick<NbdConnectOptions, 'connections' | 'tls'>;
  /** Opens sources in place of the files and NBD servers of this machine's network. */
  readonly openSource?: OpenDiskOptions['openSource'];
  /** How data to its receiver may be packed, best first; all that this process can where it is left out. */
  readonly packings?: readonly Packing[];
  readonly clock?: Clock;
  /** Where its state, and what it writes and reads itself, is: on this machine unless told otherwise. */
  readonly files?: Files;
  /** How long a receiver that is gone is tried again before a job fails. */
  readonly patience?: Millis;
  /** Takes one line about who came and what was done. No content, no secrets. */
  readonly log?: (line: string) => void;
} & WayIn;

/** A gateway that runs. */
export interface Gateway extends Service {
  /** Its sentinels, where it has a port for them. */
  readonly guests: Guests | undefined;
  /** Carries out jobs for a manager in this process. */
  readonly jobs: GatewayJobs;
}

/** Why a gateway did not start. */
export type GatewayStartError =
  | StartError
  | GuestsError
  /** Neither a receiver nor a directory was named, or both. */
  | { readonly type: 'TargetUnclear' };

/** Runs a gateway: takes jobs from managers, reads sources, and streams to its receiver. Never rejects. */
export async function runGateway(options: GatewayOptions): Promise<Result<Gateway, GatewayStartError>> {
  const { listen, clock = wallClock, log = () => undefined } = options;
  if ((options.receiver === undefined) === (options.directory === undefined)) return err({ type: 'TargetUnclear' });
  const network = await networkOf(options, 'gateway', clock);
  if (!network.ok) return network;
  const unusable = await whyUnusable(options);
  if (unusable) return err(unusable);
  const guests = await guestsFor(options);
  if (!guests.ok) return guests;
  const jobs = jobsOf(options, network.value, guests.value);
  const { newestAgent, files = nodeFiles } = options;
  const site: GatewaySite = { jobs, guests: guests.value, newestAgent, files, log };
  const running: RunningJobs = new Map();
  const sessions = new Set<Promise<void>>();
  const service = await serve({
    listen,
    network: network.value,
    clock,
    admits: 'manager',
    log,
    onPeer: (channel) => {
      const session = serveManager(site, running, channel);
      sessions.add(session);
      return session.finally(() => sessions.delete(session));
    },
  });
  if (!service.ok) {
    await guests.value?.close();
    return service;
  }
  const close = async (): Promise<void> => {
    // First the sentinels: a manager may wait for one of them.
    await guests.value?.close();
    await service.value.close();
    await Promise.allSettled(sessions);
    await jobs.close();
  };
  return ok({ address: service.value.address, guests: guests.value, jobs, close });
}

/** The port for sentinels, where one was asked for. */
async function guestsFor(options: GatewayOptions): Promise<Result<Guests | undefined, GatewayStartError>> {
  const { guests: listen, guestsSite, certificates, state, clock = wallClock, log = () => undefined } = options;
  if (listen === undefined) return ok(undefined);
  if (guestsSite) return openGuestsAt(guestsSite, { listen, clock, log });
  if (certificates === undefined) {
    return err({ type: 'GuestsUnavailable', detail: 'sentinels know a gateway by its certificate, and it has none' });
  }
  const credentials = await readCredentials(certificates, 'gateway');
  return credentials.ok
    ? openGuests({ listen, credentials: credentials.value, certificates, state, clock, log })
    : credentials;
}

async function whyUnusable({
  receiver,
  directory,
  state,
  files = nodeFiles,
}: GatewayOptions): Promise<GatewayStartError | undefined> {
  const address = receiver === undefined ? undefined : parseAddress(receiver);
  if (address && !address.ok) return { type: 'AddressInvalid', detail: address.error };
  try {
    await files.mkdir(state);
  } catch (cause) {
    return { type: 'DirectoryUnusable', directory: state, detail: detailOf(cause) };
  }
  if (directory === undefined) return undefined;
  const detail = await whyDirectoryUnusable(directory, files);
  return detail === undefined ? undefined : { type: 'DirectoryUnusable', directory, detail };
}

function jobsOf(options: GatewayOptions, network: Network, guests: Guests | undefined): GatewayJobs {
  const { receiver, directory, state, nbd, openSource, packings, files = nodeFiles } = options;
  const { clock = wallClock, patience = patienceDefault, log = () => undefined } = options;
  const sources: OpenDiskOptions = {
    ...nbd,
    files,
    ...(guests && { ofSentinel: guests.openDisk }),
    ...(openSource && { openSource }),
  };
  if (directory !== undefined) return localJobs(directory, { clock, sources });
  invariant(receiver !== undefined, 'a gateway has a receiver or a directory');
  const optional = packings && { packings };
  return forwardedJobs({ network, receiver, state, files, clock, sources, patience, ...optional, log });
}

/** One sentence for a person. */
export function describeGatewayStartError(error: GatewayStartError): string {
  switch (error.type) {
    case 'TargetUnclear':
      return 'a gateway has either a receiver (--receiver) or a directory to write replicas in itself (--directory)';
    case 'GuestsUnavailable':
      return `sentinels cannot come to this gateway: ${error.detail}`;
    default:
      return describeStartError(error);
  }
}
