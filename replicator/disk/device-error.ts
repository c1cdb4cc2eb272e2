import type { DeviceError } from '#core/disk/block-device';
import { bytes, offset } from '#core/units';
import type { SystemError } from './files.ts';

/** What a failed system call on a file means for a disk. `at` and `length` say which bytes it was about. */
export function deviceError(cause: SystemError, at: number, length: number): DeviceError {
  const where = { at: offset(at), length: bytes(length), detail: cause.message };
  if (cause.code === 'ENOSPC' || cause.code === 'EDQUOT' || cause.code === 'EFBIG')
    return { type: 'NoSpace', ...where };
  return { type: 'IoError', ...where };
}
