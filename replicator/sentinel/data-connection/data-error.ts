import { z } from 'zod';
import { describeDeviceError, type DeviceError } from '#core/disk/block-device';
import type { HypervisorError } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { deviceErrorShape } from '#replicator/protocol/error-message';

/** Why a guest does not give what the gateway asks of its disks. */
export type GuestDiskError =
  DeviceError | Extract<HypervisorError, { type: 'DiskNotFound' | 'TrackingLost' | 'Refused' }>;

const text = z.string().max(4_096);
const shape = z.union([
  deviceErrorShape,
  z.object({ type: z.literal('DiskNotFound'), disk: text }),
  z.object({ type: z.literal('TrackingLost'), disk: text, detail: text }),
  z.object({ type: z.literal('Refused'), operation: text, detail: text }),
]);

/** Reads an error that a guest sent. The error is a sentence. */
export function readGuestDiskError(json: string): Result<GuestDiskError, string> {
  try {
    const read = shape.safeParse(JSON.parse(json));
    return read.success ? ok(read.data as GuestDiskError) : err('an error that is none of those agreed on');
  } catch {
    return err('an error that is not JSON');
  }
}

/** One sentence for a person. */
export function describeGuestDiskError(error: GuestDiskError): string {
  switch (error.type) {
    case 'DiskNotFound':
      return `the guest has no disk ${error.disk}`;
    case 'TrackingLost':
      return `change tracking of disk ${error.disk} was lost: ${error.detail}`;
    case 'Refused':
      return `the sentinel refused ${error.operation}: ${error.detail}`;
    default:
      return describeDeviceError(error);
  }
}
