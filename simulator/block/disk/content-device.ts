import type { BlockDevice, DeviceError } from '#core/disk/block-device';
import { err, ok, type Result } from '#core/result';
import { bytes, offset, type Offset } from '#core/units';
import type { DiskContent } from './disk-content.ts';

/** How a device over a content may fail. */
export interface ContentDeviceOptions {
  /** Asked at every call: why the way to the content is gone, if it is. */
  readonly gone?: () => string | undefined;
}

/** A content as a disk to read from. It tells its zeroes, and what is read is what the content holds at that moment. */
export function contentDevice(content: DiskContent, { gone }: ContentDeviceOptions = {}): BlockDevice {
  const size = bytes(content.size);
  let isClosed = false;
  const refusal = (at: number, length: number): DeviceError | undefined => {
    if (isClosed) return { type: 'Closed' };
    const why = gone?.();
    if (why !== undefined) return { type: 'ConnectionLost', detail: why };
    if (at % 512 === 0 && length % 512 === 0 && at + length <= size) return undefined;
    return { type: 'InvalidRange', at: offset(at), length: bytes(length), detail: `a disk of ${size} bytes` };
  };
  const readOnly = async (): Promise<Result<void, DeviceError>> =>
    err({ type: 'ReadOnly', detail: 'a source is only read' });
  return {
    blockSize: bytes(512),
    size,
    can: { write: false, zero: false, extents: true },
    async read(at: Offset, into: Uint8Array) {
      const refused = refusal(at, into.length);
      if (refused !== undefined) return err(refused);
      content.read(at, into);
      return ok(undefined);
    },
    write: readOnly,
    zero: readOnly,
    async extents(range) {
      const refused = refusal(range.start, range.length);
      return refused === undefined ? ok(content.extents(range)) : err(refused);
    },
    async flush() {
      const refused = refusal(0, 0);
      return refused === undefined ? ok(undefined) : err(refused);
    },
    async close() {
      isClosed = true;
    },
  };
}
