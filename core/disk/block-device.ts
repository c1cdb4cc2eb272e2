import type { Result } from '#core/result';
import type { Bytes } from '#core/units';
import type { Extent, MappedExtent } from '#core/disk/extent';
import type { Offset } from '#core/units';

/** What a call to a disk can come back with. Values, not sentences: `describeDeviceError` makes the sentence. */
export type DeviceError =
  /** The device answered that this I/O failed (EIO): media, controller or backend. */
  | { readonly type: 'IoError'; readonly at: Offset; readonly length: Bytes; readonly detail: string }
  /** The range or alignment is not one this device accepts. A bug of the caller, reported by the device. */
  | { readonly type: 'InvalidRange'; readonly at: Offset; readonly length: Bytes; readonly detail: string }
  /** No room: the file system or thin pool behind the device is full. */
  | { readonly type: 'NoSpace'; readonly at: Offset; readonly length: Bytes; readonly detail: string }
  /** The device is not writable. */
  | { readonly type: 'ReadOnly'; readonly detail: string }
  /** The device cannot do this at all; `can` said so. */
  | { readonly type: 'Unsupported'; readonly call: string }
  /** The way to the device is gone. Whether calls in flight were done is not known. */
  | { readonly type: 'ConnectionLost'; readonly detail: string }
  /** The peer broke its protocol; the connection was closed. */
  | { readonly type: 'ProtocolViolation'; readonly detail: string }
  /** The device was closed by us. */
  | { readonly type: 'Closed' };

/**
 * One disk, addressed in bytes.
 *
 * Every start and length is a multiple of `blockSize`. Reads and writes finish whole or not at all. Calls may overlap
 * in time; the caller never has two writes in flight that overlap in space. A write is durable once a later `flush`
 * returns. After `ConnectionLost`, `ProtocolViolation` or `close`, every call answers with an error: a device is never
 * reopened behind the caller's back, a new one is made.
 */
export interface BlockDevice {
  /** The grain of every address and length. A power of two. */
  readonly blockSize: Bytes;
  readonly size: Bytes;
  /** What this device supports, fixed for its lifetime. Ask here before calling. */
  readonly can: { readonly write: boolean; readonly zero: boolean; readonly extents: boolean };
  /** Fills `into` from `at`. The caller owns the buffer and must not touch it until the call returns. */
  read(at: Offset, into: Uint8Array): Promise<Result<void, DeviceError>>;
  /** Writes `data` at `at`. The caller must not change the buffer until the call returns. */
  write(at: Offset, data: Uint8Array): Promise<Result<void, DeviceError>>;
  /** Makes the range read as zeroes, cheaply where the device can (a hole). */
  zero(at: Offset, length: Bytes): Promise<Result<void, DeviceError>>;
  /**
   * What is in `range`, in order, without gaps and covering it exactly. A device that cannot tell answers one `data`
   * extent. Holes whose content is undefined are `data`.
   */
  extents(range: Extent): Promise<Result<readonly MappedExtent[], DeviceError>>;
  /** Returns once everything acknowledged before the call is on stable storage. */
  flush(): Promise<Result<void, DeviceError>>;
  /** Lets go of the device. Calls in flight finish or answer `Closed`. Idempotent. */
  close(): Promise<void>;
}

/** One sentence for a person: what went wrong and where. */
export function describeDeviceError(error: DeviceError): string {
  switch (error.type) {
    case 'IoError':
      return `I/O error at byte ${error.at} (length ${error.length}): ${error.detail}`;
    case 'InvalidRange':
      return `invalid range at byte ${error.at} (length ${error.length}): ${error.detail}`;
    case 'NoSpace':
      return `no space left while writing at byte ${error.at} (length ${error.length}): ${error.detail}`;
    case 'ReadOnly':
      return `the disk is read-only: ${error.detail}`;
    case 'Unsupported':
      return `the disk does not support ${error.call}`;
    case 'ConnectionLost':
      return `connection to the disk lost: ${error.detail}`;
    case 'ProtocolViolation':
      return `the peer broke the protocol and was disconnected: ${error.detail}`;
    case 'Closed':
      return 'the disk was closed';
  }
}
