import type { FixUpError, GuestDevice } from '#core/ports/fix-up';
import { isDynamic } from './findings.ts';

/** Why no Windows was found on disks that seem to hold one; undefined if they do not. */
export function hiddenWindows(devices: readonly GuestDevice[]): FixUpError | undefined {
  const named = (wanted: (device: GuestDevice) => boolean): string =>
    devices
      .filter(wanted)
      .map(({ name }) => name)
      .join(', ');
  const locked = named(({ type }) => type === 'BitLocker');
  if (locked !== '')
    return {
      type: 'Unsupported',
      what: 'a Windows guest that is encrypted by BitLocker',
      detail: `${locked} cannot be read; decrypt it in the source before its cutover (manage-bde -off C:), since a suspended BitLocker is encrypted still`,
    };
  const dynamic = named(isDynamic);
  if (dynamic !== '')
    return {
      type: 'Unsupported',
      what: 'a guest with dynamic disks',
      detail: `${dynamic} is of a dynamic disk, and no system was found beside; a Windows that starts from one is not supported`,
    };
  const volumes = named(({ type }) => type === 'ntfs');
  if (volumes === '') return undefined;
  return {
    type: 'Unsupported',
    what: 'a guest whose system is not on these disks',
    detail: `${volumes} holds no Windows, and no Linux root is there; give all disks, the boot disk first`,
  };
}
