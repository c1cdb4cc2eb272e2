import type { FixUpDisk, FixUpError, GuestImage } from '#core/ports/fix-up';
import { ok, type Result } from '#core/result';
import { guestDevices } from './guest-devices.ts';
import { describeImage } from './describe-image.ts';
import { guestFiles } from './guest-files.ts';
import { guestKernels } from './guest-kernels.ts';
import { mountGuest } from './guest-tree.ts';
import { openSession, type GuestfishSession, type SessionOptions } from './guestfish.ts';
import { inspectWindows } from '#replicator/fixup/windows/inspect';

/** Finds out all about a guest from its disks, which stay as they are. */
export async function inspectDisks(
  disks: readonly FixUpDisk[],
  options: Omit<SessionOptions, 'writable'> = {},
): Promise<Result<GuestImage, FixUpError>> {
  const session = await openSession(disks, { ...options, writable: false });
  if (!session.ok) return session;
  try {
    return await inspectIn(session.value, { writable: false });
  } finally {
    await session.value.close();
  }
}

/** The same in a session that is open. A Linux guest stays mounted: read-only, unless it is to be edited next. */
export async function inspectIn(
  session: GuestfishSession,
  { writable }: { readonly writable: boolean },
): Promise<Result<GuestImage, FixUpError>> {
  const devices = await guestDevices(session);
  if (!devices.ok) return devices;
  const windows = await inspectWindows(session, devices.value);
  if (!windows.ok) return windows;
  if (windows.value !== undefined) return ok(windows.value);
  const mounts = await mountGuest(session, devices.value, writable);
  if (!mounts.ok) return mounts;
  const kernels = await guestKernels(session);
  if (!kernels.ok) return kernels;
  const files = await guestFiles(session);
  if (!files.ok) return files;
  return ok(describeImage({ devices: devices.value, mounts: mounts.value, kernels: kernels.value, ...files.value }));
}
