import type { Clock } from '#core/clock';
import { err, ok, type Result } from '#core/result';
import { KiB } from '#core/units';
import { detailOf } from '#replicator/disk/durable-file';
import type { Files } from '#replicator/disk/files';
import { nodeFiles } from '#replicator/disk/node-files';
import { bufferPool } from '#replicator/pipeline/buffer-pool';
import { describeCredentialsError, type CredentialsError } from '#replicator/protocol/credentials';
import type { ListenError } from '#replicator/protocol/network';
import { serve, type Service } from '#replicator/protocol/serve';
import { networkOf, type WayIn } from '#replicator/protocol/tls-network';
import { wallClock } from '#replicator/wall-clock';
import { receive, writesMax, type ReceiverSite } from './receiver-session.ts';

/** How a receiver is set up. */
export type ReceiverOptions = {
  /** `host:port` to listen at; port 0 takes a free one. */
  readonly listen: string;
  /** The one directory it may write in. It must exist. */
  readonly directory: string;
  readonly clock?: Clock;
  /** Where its directory is: on this machine unless told otherwise. */
  readonly files?: Files;
  /** Takes one line about who came and what was done. No content, no secrets. */
  readonly log?: (line: string) => void;
} & WayIn;

/** Why a receiver or gateway did not start. */
export type StartError =
  | { readonly type: 'DirectoryUnusable'; readonly directory: string; readonly detail: string }
  | CredentialsError
  | ListenError;

// The chunks of our gateways, with their digests before them; longer ones, up to the bound of a frame, are not pooled.
const bufferLength = 516 * KiB;
// Those being written, those that were in the chunk of bytes that reached the bound, and the one arriving.
const buffersMax = writesMax + 8;

/** Runs a receiver: takes rounds from gateways and writes replicas below its directory. Never rejects. */
export async function runReceiver(options: ReceiverOptions): Promise<Result<Service, StartError>> {
  const { directory, listen, files = nodeFiles, clock = wallClock } = options;
  const network = await networkOf(options, 'receiver', clock);
  if (!network.ok) return network;
  const unusable = await whyUnusable(directory, files);
  if (unusable) return err({ type: 'DirectoryUnusable', directory, detail: unusable });
  const site: ReceiverSite = {
    directory,
    files,
    clock,
    open: new Map(),
    log: options.log ?? (() => undefined),
  };
  const sessions = new Set<Promise<void>>();
  const service = await serve({
    listen,
    network: network.value,
    clock,
    admits: 'gateway',
    pool: () => bufferPool(bufferLength, buffersMax),
    log: site.log,
    onPeer: (channel, agreement) => {
      const session = receive(site, channel, agreement);
      sessions.add(session);
      return session.finally(() => sessions.delete(session));
    },
  });
  if (!service.ok) return service;
  const close = async (): Promise<void> => {
    await service.value.close();
    // A replica is let go only when its last write is done.
    await Promise.allSettled(sessions);
  };
  return ok({ address: service.value.address, close });
}

/** Why a directory cannot be used, in words; undefined if it can. */
export async function whyUnusable(directory: string, files: Files): Promise<string | undefined> {
  try {
    return (await files.stat(directory)).kind === 'directory' ? undefined : 'it is not a directory';
  } catch (cause) {
    return detailOf(cause);
  }
}

/** One sentence for a person. */
export function describeStartError(error: StartError): string {
  switch (error.type) {
    case 'DirectoryUnusable':
      return `the directory ${error.directory} cannot be used: ${error.detail}; make it first`;
    case 'AddressInvalid':
      return error.detail;
    case 'AddressInUse':
      return `something listens at ${error.address} already; choose another port with --listen`;
    case 'ListenFailed':
      return `cannot listen at ${error.address}: ${error.detail}`;
    case 'CredentialsMissing':
    case 'CredentialsUnusable':
      return describeCredentialsError(error);
  }
}
