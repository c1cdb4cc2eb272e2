import type { DiskId } from '#core/ids';
import type { Rng } from '#core/rng';
import { err, ok, type Result } from '#core/result';
import { millis, ratio } from '#core/units';
import type { SystemError } from '#replicator/disk/files';
import type { Devices, OpenDevice } from '#replicator/sentinel/disks/devices';
import type { GuestKernel, KernelDisk } from './guest-kernel.ts';
import type { GuestProcess } from './guest-process.ts';

/** How the disks of a guest can be read. */
export interface GuestDevicesOptions {
  readonly process: GuestProcess;
  readonly kernel: GuestKernel;
  readonly rng: Rng;
  /** Why a read fails, in the system's words, if it does. */
  readonly readFails?: (disk: DiskId, at: number, length: number) => string | undefined;
  /** Disks that refuse direct reads: what is read of them may be what was there when their cache was dropped last. */
  readonly refusesDirect?: (disk: DiskId) => boolean;
}

/** What drops the caches of devices, beside the devices. */
export interface GuestDevices {
  readonly devices: Devices;
  readonly flushCache: (path: string) => Promise<boolean>;
}

const readMs = { min: 1, max: 6 } as const;
const half = ratio(1, 2);

/** The devices of a guest, as a process in it reads them: each read takes a moment, and is of one instant in it. */
export function guestDevices({ process, kernel, rng, readFails, refusesDirect }: GuestDevicesOptions): GuestDevices {
  const { clock, bound } = process;
  const own = rng.fork('device reads');
  const caches = new Map<string, Map<number, Uint8Array>>();
  const find = (path: string): KernelDisk | undefined => kernel.disks().find((disk) => disk.path === path);
  const cached = (path: string, disk: KernelDisk, at: number, length: number): Uint8Array => {
    const cache = caches.get(path) ?? new Map<number, Uint8Array>();
    caches.set(path, cache);
    const kept = cache.get(at);
    if (kept?.length === length) return kept;
    const fresh = disk.disk.read(at, length);
    cache.set(at, fresh);
    return fresh;
  };
  const read = async (
    path: string,
    { identity }: KernelDisk,
    way: 'direct' | 'cached',
    { into, at }: { readonly into: Uint8Array; readonly at: number },
  ): Promise<Result<number, SystemError>> => {
    const wait = () => clock.wait(millis(own.between(readMs.min, readMs.max)));
    const isEarly = own.chance(half);
    if (!isEarly) await wait();
    const disk = find(path);
    const fails = disk && readFails?.(disk.id, at, into.length);
    const length = Math.max(0, Math.min(into.length, (disk?.size ?? 0) - at));
    const isRead = disk?.identity === identity && fails === undefined;
    // What was read is what was there then, also if it is written before anybody hears of it.
    if (isRead && way === 'direct') disk.disk.readInto(at, into.subarray(0, length));
    else if (isRead) into.set(cached(path, disk, at, length));
    if (isEarly) await wait();
    return isRead ? ok(length) : err(fault('EIO', fails ?? 'Input/output error'));
  };
  return {
    flushCache: bound((path: string) => {
      caches.delete(path);
      return find(path) !== undefined;
    }),
    devices: {
      open: bound((path: string, way: 'direct' | 'cached'): Result<OpenDevice, SystemError> => {
        const disk = find(path);
        if (!disk) return err(fault('ENOENT', 'No such file or directory'));
        if (way === 'direct' && refusesDirect?.(disk.id)) return err(fault('EINVAL', 'Invalid argument'));
        return ok({ read: bound((into, at) => read(path, disk, way, { into, at })), close: bound(() => undefined) });
      }),
    },
  };
}

const fault = (code: string, detail: string): SystemError => Object.assign(new Error(detail), { code });
