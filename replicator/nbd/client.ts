import type { DeviceError } from '#core/disk/block-device';
import { err, ok, type Result } from '#core/result';
import { alignDown, KiB, seconds, type Bytes, type Millis } from '#core/units';
import { connectionPool, type ConnectionPool } from './connection-pool.ts';
import { openConnection, type NbdConnection } from './connection.ts';
import { converseOnce, type NbdTimeouts, type Reach } from './conversation.ts';
import { nbdDevice, type NbdDevice } from './nbd-device.ts';
import type { NbdError } from './nbd-error.ts';
import { listTalk, openTalk, type ListedExport, type NegotiatedExport } from './negotiation.ts';
import { tlsTerms, type NbdTls } from './tls-terms.ts';
import { parseNbdUri, type NbdUri } from './uri.ts';
import { transmissionFlag } from './wire.ts';

/** How to connect. Everything has a default that suits most servers. */
export interface NbdConnectOptions {
  /** How many connections to use at most. More than one only where the server says it keeps them coherent. */
  readonly connections?: number;
  /** Overrides the certificates of the address. Only for `nbds`. */
  readonly tls?: NbdTls;
  /** Metadata contexts without which the export is of no use, such as `qemu:dirty-bitmap:NAME`. */
  readonly metaContexts?: readonly string[];
  /** The most bytes of one READ or WRITE on the wire. Longer calls are split. */
  readonly requestMax?: Bytes;
  /** How many requests one connection carries at a time. More wait their turn. */
  readonly requestsInFlightMax?: number;
  /** Whether zeroed ranges may become holes (default) or must stay allocated. */
  readonly zeroes?: 'hole' | 'allocated';
  /** Calls off the connecting. An open device is closed with `close`. */
  readonly signal?: AbortSignal;
  readonly timeouts?: Partial<NbdTimeouts>;
}

// Measured with `bench/nbd-read.ts --sweep` on two cores: more of each gains nothing, and requests of 1 MiB halve the
// rate, because qemu-nbd then takes fresh pages from the kernel for each.
const connectionsDefault = 2;
const requestMaxDefault = 256 * KiB;
const requestsInFlightMaxDefault = 16;
// A stall is far beyond what a flush to a slow disk takes.
const timeoutsDefault: NbdTimeouts = { connect: seconds(10), negotiate: seconds(30), stall: seconds(120) };
// Some servers accept a further connection and never greet it (qemu-nbd beyond its --shared). It is only a bonus.
const furtherConnectionMax = seconds(2);

/** Opens an export as a disk. Never rejects. */
export async function connectNbd(
  uri: string | NbdUri,
  options: NbdConnectOptions = {},
): Promise<Result<NbdDevice, NbdError>> {
  const reached = await reachOf(uri, options);
  if (!reached.ok) return reached;
  const { exportName, reach } = reached.value;
  const talk = () => openTalk({ exportName, tls: reach.tls !== undefined, contexts: options.metaContexts ?? [] });
  // Connections exist before the pool that owns them; one that is lost in between is reported to it afterwards.
  const owner: { pool?: ConnectionPool; lost?: DeviceError } = {};
  const lost = (why: DeviceError): void => {
    owner.lost ??= why;
    owner.pool?.end(why);
  };
  const first = await openConnection(reach, talk(), lost);
  if (!first.ok) return first;
  const { exported } = first.value;
  const further = await Promise.all(
    Array.from({ length: furtherConnections(exported, options) }, () =>
      openConnection({ ...reach, timeouts: furtherTimeouts(reach.timeouts) }, talk(), lost),
    ),
  );
  const connections = [first.value, ...further.flatMap((opened) => (opened.ok ? [opened.value] : []))];
  const pool = connectionPool(connections, Math.max(1, options.requestsInFlightMax ?? requestsInFlightMaxDefault));
  owner.pool = pool;
  const fault = openingFault(connections, owner.lost, options.signal);
  if (fault !== undefined) {
    pool.end({ type: 'Closed' });
    return err(fault);
  }
  const requestMax = Math.min(exported.payloadMax, options.requestMax ?? requestMaxDefault);
  return ok(
    nbdDevice(pool, {
      exportName,
      exported,
      connections: connections.length,
      requestMax: Math.max(exported.blockSize, alignDown(requestMax, exported.blockSize)),
      zeroes: options.zeroes ?? 'hole',
    }),
  );
}

/** What exports the server has. Some servers refuse to say. Never rejects. */
export async function listNbdExports(
  uri: string | NbdUri,
  options: Pick<NbdConnectOptions, 'tls' | 'signal' | 'timeouts'> = {},
): Promise<Result<readonly ListedExport[], NbdError>> {
  const reached = await reachOf(uri, options);
  if (!reached.ok) return reached;
  const { reach } = reached.value;
  return converseOnce(reach, listTalk({ tls: reach.tls !== undefined }));
}

function furtherConnections(
  { flags }: NegotiatedExport,
  { connections = connectionsDefault }: NbdConnectOptions,
): number {
  return (flags & transmissionFlag.canMultiConn) === 0 ? 0 : Math.max(0, connections - 1);
}

const furtherTimeouts = (timeouts: NbdTimeouts): NbdTimeouts => ({
  ...timeouts,
  connect: shorter(timeouts.connect, furtherConnectionMax),
  negotiate: shorter(timeouts.negotiate, furtherConnectionMax),
});

// Zero is for ever.
const shorter = (a: Millis, b: Millis): Millis => (a > 0 && a < b ? a : b);

/** What went wrong between the first connection and the last. */
function openingFault(
  connections: readonly NbdConnection[],
  lost: DeviceError | undefined,
  signal: AbortSignal | undefined,
): NbdError | undefined {
  if (signal?.aborted === true) return { type: 'Aborted' };
  if (lost?.type === 'ProtocolViolation') return lost;
  if (lost !== undefined) return { type: 'ConnectionLost', detail: 'it ended right after the handshake' };
  const [first, ...others] = connections.map(({ exported }) => exported);
  const changed = others.some(
    ({ size, flags, contexts }) =>
      size !== first?.size || flags !== first.flags || contexts.size !== first.contexts.size,
  );
  return changed ? { type: 'ProtocolViolation', detail: 'the export changed between two connections' } : undefined;
}

interface Reached {
  readonly exportName: string;
  readonly reach: Reach;
}

async function reachOf(
  uri: string | NbdUri,
  { tls, signal, timeouts }: Pick<NbdConnectOptions, 'tls' | 'signal' | 'timeouts'>,
): Promise<Result<Reached, NbdError>> {
  const parsed = typeof uri === 'string' ? parseNbdUri(uri) : ok(uri);
  if (!parsed.ok) return parsed;
  const { address, exportName, tlsCertificates } = parsed.value;
  const terms = parsed.value.tls ? await tlsTerms(tlsCertificates, tls) : ok(undefined);
  if (!terms.ok) return terms;
  const reach = { address, tls: terms.value, timeouts: { ...timeoutsDefault, ...timeouts }, signal };
  return ok({ exportName, reach });
}
