import type { Result } from '#core/result';
import type { SystemError } from '#replicator/disk/files';

/** A device that is open for reading. Reads may overlap. */
export interface OpenDevice {
  /** Reads from `at` on into `into`. Answers how many bytes, which may be fewer; none at the end of the device. */
  read(into: Uint8Array, at: number): Promise<Result<number, SystemError>>;
  close(): Promise<void>;
}

/** The devices of the guest. Nothing is ever written to them. */
export interface Devices {
  /** `direct`: past every cache, in whole logical blocks; `EINVAL` is how a device says that it does not do this. */
  open(path: string, way: 'direct' | 'cached'): Promise<Result<OpenDevice, SystemError>>;
}
