import type { BlockDevice, DeviceError } from '#core/disk/block-device';
import type { Extent } from '#core/disk/extent';
import type { DiskLocator } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { connectNbd, type NbdConnectOptions } from '#replicator/nbd/client';
import { describeNbdError } from '#replicator/nbd/nbd-error';
import { parseNbdUri } from '#replicator/nbd/uri';
import { describeFileError, openFileDevice } from './file-device.ts';
import type { Files } from './files.ts';

/** A source that is open for reading. */
export interface OpenedDisk {
  readonly device: BlockDevice;
  /** Which parts of a range changed, if the locator named where that is written. */
  readonly changes: ((range: Extent) => Promise<Result<readonly Extent[], DeviceError>>) | undefined;
  /** For files: two with the same identity are the same disk of this machine. */
  readonly identity: string | undefined;
  /** For files: when the content last changed, in milliseconds since 1970. */
  readonly modifiedMs: number | undefined;
}

/** Why a source could not be opened: one sentence, with what to do next. */
export type OpenDiskError =
  | { readonly type: 'DiskUnavailable'; readonly disk: string; readonly detail: string }
  | { readonly type: 'DiskOpeningCancelled'; readonly disk: string };

/** A locator of a disk that the sentinel in its guest reads. */
export type SentinelLocator = Extract<DiskLocator, { type: 'sentinel' }>;

/** How sources are opened. */
export interface OpenDiskOptions extends Pick<NbdConnectOptions, 'connections' | 'tls' | 'signal'> {
  /** Where files are: on this machine unless told otherwise. */
  readonly files?: Files;
  /** Opens disks of sentinels: for a gateway that they connect to. */
  readonly ofSentinel?: (
    locator: SentinelLocator,
    signal?: AbortSignal,
  ) => Promise<Result<Pick<OpenedDisk, 'device' | 'changes'>, OpenDiskError>>;
  /** Opens sources in place of the files and the network of this machine; those of sentinels too, where none connect here. */
  readonly openSource?: (locator: DiskLocator, signal?: AbortSignal) => Promise<Result<OpenedDisk, OpenDiskError>>;
}

/** The one door to sources: from a locator to a disk, whatever it is behind. Nothing is ever written through it. */
export async function openDisk(
  locator: DiskLocator,
  options: OpenDiskOptions = {},
): Promise<Result<OpenedDisk, OpenDiskError>> {
  const isOfSentinel = locator.type === 'sentinel' && options.ofSentinel !== undefined;
  if (options.openSource && !isOfSentinel) return options.openSource(locator, options.signal);
  const disk = nameOfDisk(locator);
  if (locator.type === 'sentinel') {
    const detail = 'no sentinel connects here; ask the gateway that it is connected to';
    if (!options.ofSentinel) return err({ type: 'DiskUnavailable', disk, detail });
    const opened = await options.ofSentinel(locator, options.signal);
    return opened.ok ? ok({ ...opened.value, identity: undefined, modifiedMs: undefined }) : opened;
  }
  if (locator.type === 'file') {
    const opened = await openFileDevice(locator.path, options.files && { files: options.files });
    if (!opened.ok) return err({ type: 'DiskUnavailable', disk, detail: describeFileError(opened.error) });
    const { identity, modifiedMs } = opened.value;
    return ok({ device: opened.value, changes: undefined, identity, modifiedMs });
  }
  const context = locator.changesContext;
  const { ofSentinel: _notForNbd, files: _norThese, openSource: _norThis, ...nbd } = options;
  const connected = await connectNbd(locator.uri, {
    ...nbd,
    ...(context === undefined ? {} : { metaContexts: [context] }),
  });
  if (!connected.ok) {
    if (connected.error.type === 'Aborted') return err({ type: 'DiskOpeningCancelled', disk });
    return err({ type: 'DiskUnavailable', disk, detail: describeNbdError(connected.error) });
  }
  const device = connected.value;
  const changes = context === undefined ? undefined : (range: Extent) => device.dirtyExtents(context, range);
  return ok({ device, changes, identity: undefined, modifiedMs: undefined });
}

/** A disk as people write it: its path, its URI, or the sentinel that reads it. */
export function nameOfDisk(locator: DiskLocator): string {
  switch (locator.type) {
    case 'file':
      return locator.path;
    case 'nbd':
      return locator.uri;
    case 'sentinel':
      return `${locator.disk} of sentinel ${locator.sentinel}`;
  }
}

/** What a person wrote: an NBD URI, or otherwise the path of a file. */
export const locatorOf = (text: string): DiskLocator =>
  /^nbds?(\+unix)?:/i.test(text) ? { type: 'nbd', uri: text } : { type: 'file', path: text };

/** Whether a disk is reached without leaving this machine: a file, a unix socket, or an address of the loopback. */
export function isOfThisMachine(locator: DiskLocator): boolean {
  if (locator.type !== 'nbd') return locator.type === 'file';
  const uri = parseNbdUri(locator.uri);
  if (!uri.ok) return false;
  const { address } = uri.value;
  return address.type === 'unix' || /^(localhost|::1|127(\.\d+){3})$/i.test(address.host);
}
