import type { BlockDevice, DeviceError } from '#core/disk/block-device';
import type { Extent, MappedExtent } from '#core/disk/extent';
import { err, ok, type Result } from '#core/result';
import { alignDown, bytes, offset, type Bytes, type Offset } from '#core/units';
import { carefulExtents, coverWithZeroes, isData, isDirty, type Careful } from './block-status.ts';
import type { ConnectionPool } from './connection-pool.ts';
import type { NbdConnection } from './connection.ts';
import { noRuns, type InFlight, type StatusRuns } from './in-flight.ts';
import type { NegotiatedExport } from './negotiation.ts';
import { readCoverage } from './read-coverage.ts';
import { allocationContext, command, commandFlag, transmissionFlag, type Command } from './wire.ts';

/** What was agreed on with the server. */
export interface NbdExportInfo {
  readonly exportName: string;
  readonly size: Bytes;
  /** The transmission flags as the server sent them. */
  readonly flags: number;
  readonly blockSize: Bytes;
  readonly preferredBlockSize: Bytes;
  /** The largest READ or WRITE the server takes. Longer calls are split. */
  readonly payloadMax: Bytes;
  readonly readOnly: boolean;
  readonly structuredReplies: boolean;
  /** Metadata contexts agreed on: `base:allocation` where the server has it, and those asked for. */
  readonly contexts: readonly string[];
  /** How many connections carry the device. More than one only where the server allows it. */
  readonly connections: number;
}

/** A disk behind an NBD server. */
export interface NbdDevice extends BlockDevice {
  readonly info: NbdExportInfo;
  /**
   * The extents of `range` that `context` (a `qemu:dirty-bitmap:NAME` given when connecting) calls dirty: in order,
   * neighbours merged. Memory follows their number: ask for a large disk in pieces. A context that was not given when
   * connecting answers `Unsupported`.
   */
  dirtyExtents(context: string, range: Extent): Promise<Result<readonly Extent[], DeviceError>>;
}

/** How a device uses its connections. */
export interface NbdDeviceOptions {
  readonly exportName: string;
  readonly exported: NegotiatedExport;
  readonly connections: number;
  /** The most bytes of one READ or WRITE. */
  readonly requestMax: number;
  /** Whether zeroed ranges may become holes or must stay allocated. */
  readonly zeroes: 'hole' | 'allocated';
}

/** A device over connections that are open. */
export function nbdDevice(pool: ConnectionPool, options: NbdDeviceOptions): NbdDevice {
  const { exported, connections } = options;
  const has = (flag: number): boolean => (exported.flags & flag) !== 0;
  const readOnly = has(transmissionFlag.readOnly);
  const device: Device = {
    pool,
    exported,
    requestMax: options.requestMax,
    // A server that cannot flush but can write through is asked to do so each time: `flush` keeps its promise.
    writeFlags: !has(transmissionFlag.sendFlush) && has(transmissionFlag.sendFua) ? commandFlag.fua : 0,
    zeroFlags: options.zeroes === 'allocated' ? commandFlag.noHole : 0,
    has,
    written: false,
  };
  return {
    blockSize: bytes(exported.blockSize),
    size: bytes(exported.size),
    can: {
      write: !readOnly,
      zero: !readOnly && has(transmissionFlag.sendWriteZeroes),
      extents: exported.contexts.has(allocationContext),
    },
    info: {
      exportName: options.exportName,
      size: bytes(exported.size),
      flags: exported.flags,
      blockSize: bytes(exported.blockSize),
      preferredBlockSize: bytes(exported.preferredBlockSize),
      payloadMax: bytes(exported.payloadMax),
      readOnly,
      structuredReplies: exported.structuredReplies,
      contexts: [...exported.contexts.keys()],
      connections,
    },
    read: (at, into) => read(device, at, into),
    write: (at, data) => write(device, at, data),
    zero: (at, length) => zero(device, at, length),
    extents: (range) => extents(device, range),
    dirtyExtents: (context, range) => careful(device, context, range, isDirty),
    flush: () => flush(device),
    close: () => pool.close(),
  };
}

interface Device {
  readonly pool: ConnectionPool;
  readonly exported: NegotiatedExport;
  readonly requestMax: number;
  readonly writeFlags: number;
  readonly zeroFlags: number;
  readonly has: (flag: number) => boolean;
  written: boolean;
}

type Outcome = Result<void, DeviceError>;
const done: Outcome = ok(undefined);
/** What a call that needs nothing of the server answers. */
const atOnce = ({ pool: { ended } }: Device): Promise<Outcome> =>
  Promise.resolve(ended === undefined ? done : err(ended));

// Zeroing and block status carry no payload, so the protocol lets them be 4 GiB less one block. A request that long may
// keep a slow server busy past any patience; a GiB at a time shows signs of life.
const zeroMax = 1024 * 1024 * 1024;
const statusMax = 4 * 1024 * 1024 * 1024 - 65536;

function read(device: Device, at: Offset, into: Uint8Array): Promise<Outcome> {
  return inParts(device, { type: command.read, at, length: into.length, partMax: device.requestMax }, (part) => ({
    flags: 0,
    on: (connection, settle) => ({
      command: command.read,
      ...part,
      into: part.length === into.length ? into : into.subarray(part.at - at, part.at - at + part.length),
      ...(connection.exported.structuredReplies ? { coverage: readCoverage() } : {}),
      failure: undefined,
      settle,
    }),
  }));
}

function write(device: Device, at: Offset, data: Uint8Array): Promise<Outcome> {
  const refused = unwritable(device);
  if (refused !== undefined) return Promise.resolve(refused);
  device.written = true;
  return inParts(device, { type: command.write, at, length: data.length, partMax: device.requestMax }, (part) => ({
    flags: device.writeFlags,
    data: data.subarray(part.at - at, part.at - at + part.length),
    on: (_, settle) => ({ command: command.write, ...part, failure: undefined, settle }),
  }));
}

function zero(device: Device, at: Offset, length: Bytes): Promise<Outcome> {
  const refused = unwritable(device);
  if (refused !== undefined) return Promise.resolve(refused);
  if (!device.has(transmissionFlag.sendWriteZeroes)) return Promise.resolve(err({ type: 'Unsupported', call: 'zero' }));
  device.written = true;
  const partMax = alignDown(zeroMax, device.exported.blockSize);
  return inParts(device, { type: command.writeZeroes, at, length, partMax }, (part) => ({
    flags: device.writeFlags | device.zeroFlags,
    on: (_, settle) => ({ command: command.writeZeroes, ...part, failure: undefined, settle }),
  }));
}

function unwritable(device: Device): Outcome | undefined {
  if (device.has(transmissionFlag.readOnly))
    return err({ type: 'ReadOnly', detail: 'the server exports it read-only' });
  return undefined;
}

/** One connection's flush covers all: several are used only where the server promises that (CAN_MULTI_CONN). */
function flush(device: Device): Promise<Outcome> {
  if (device.has(transmissionFlag.sendFlush))
    return inParts(device, { type: command.flush, at: 0, length: 0, partMax: 1 }, (part) => ({
      flags: 0,
      on: (_, settle) => ({ command: command.flush, ...part, failure: undefined, settle }),
    }));
  const nothingToFlush = !device.written || device.writeFlags !== 0;
  return nothingToFlush ? atOnce(device) : Promise.resolve(err({ type: 'Unsupported', call: 'flush' }));
}

async function extents(device: Device, range: Extent): Promise<Result<readonly MappedExtent[], DeviceError>> {
  const fault = rangeFault(device, range.start, range.length);
  if (fault !== undefined) return err(fault);
  if (!device.exported.contexts.has(allocationContext)) {
    const reached = await atOnce(device);
    return reached.ok ? ok(range.length === 0 ? [] : [{ ...range, kind: 'data' }]) : reached;
  }
  const data = await careful(device, allocationContext, range, isData);
  return data.ok ? ok(coverWithZeroes(range, data.value)) : data;
}

/** Asks again and again, from where the last answer ended: servers may answer for less than they were asked. */
async function careful(
  device: Device,
  context: string,
  range: Extent,
  isCareful: Careful,
): Promise<Result<readonly Extent[], DeviceError>> {
  if (!device.exported.contexts.has(context))
    return err({ type: 'Unsupported', call: `block status of the context ${context}` });
  const fault = rangeFault(device, range.start, range.length);
  if (fault !== undefined) return err(fault);
  if (device.pool.ended !== undefined) return err(device.pool.ended);
  const collector = carefulExtents(range, Math.max(device.exported.blockSize, 512), isCareful);
  const end = range.start + range.length;
  for (let at: number = range.start; at < end;) {
    const runs = await status(device, context, at, Math.min(statusMax, end - at));
    if (!runs.ok) return runs;
    // Every answer holds at least one run that is not empty, so this ends.
    at = collector.add(runs.value);
  }
  return ok(collector.found);
}

async function status(
  device: Device,
  context: string,
  at: number,
  length: number,
): Promise<Result<StatusRuns, DeviceError>> {
  let runs = noRuns();
  const outcome = await inParts(device, { type: command.blockStatus, at, length, partMax: statusMax }, (part) => ({
    flags: 0,
    on: (connection, settle) => {
      const statuses = new Map([...connection.exported.contexts.values()].map((id) => [id, noRuns()]));
      runs = statuses.get(connection.exported.contexts.get(context) ?? -1) ?? runs;
      return { command: command.blockStatus, ...part, statuses, failure: undefined, settle };
    },
  }));
  return outcome.ok ? ok(runs) : outcome;
}

interface Call {
  readonly type: Command;
  readonly at: number;
  readonly length: number;
  readonly partMax: number;
}
interface Part {
  readonly at: number;
  readonly length: number;
}
interface PartRequest {
  readonly flags: number;
  readonly data?: Uint8Array;
  readonly on: (connection: NbdConnection, settle: (failure: DeviceError | undefined) => void) => InFlight;
}

/** Sends a call in as many requests as it needs. Answers when all of them are settled: until then buffers are in use. */
function inParts(device: Device, call: Call, request: (part: Part) => PartRequest): Promise<Outcome> {
  const { at, length, partMax } = call;
  const fault = rangeFault(device, at, length);
  if (fault !== undefined) return Promise.resolve(err(fault));
  if (length === 0 && call.type !== command.flush) return atOnce(device);
  return new Promise((resolve) => {
    let left = Math.max(1, Math.ceil(length / partMax));
    let failure: DeviceError | undefined;
    const settle = (failed: DeviceError | undefined): void => {
      failure ??= failed;
      // The server is going away: nothing asked of this device will be answered.
      if (failed?.type === 'ConnectionLost') device.pool.end(failed);
      left -= 1;
      if (left === 0) resolve(failure === undefined ? done : err(failure));
      device.pool.settled();
    };
    let from = at;
    do {
      const part = { at: from, length: Math.min(partMax, at + length - from) };
      const { flags, data, on } = request(part);
      device.pool.submit({
        flags,
        ...(data === undefined ? {} : { data }),
        on: (connection) => on(connection, settle),
        refuse: settle,
      });
      from += part.length;
    } while (from < at + length);
  });
}

function rangeFault({ exported }: Device, at: number, length: number): DeviceError | undefined {
  const { blockSize, size } = exported;
  const wrong =
    at % blockSize !== 0 || length % blockSize !== 0
      ? `it is not on the grain of ${blockSize} bytes`
      : at + length > size
        ? `it is beyond the end at ${size}`
        : undefined;
  if (wrong === undefined) return undefined;
  return { type: 'InvalidRange', at: offset(at), length: bytes(length), detail: wrong };
}
