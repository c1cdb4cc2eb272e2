import { unreachable } from '#core/invariant';
import type { GuestDisk } from './guest-disk.ts';
import type { GuestHardware } from './hardware.ts';
import { stopped, type Boot } from './boot-outcome.ts';
import { readSystem, type InstalledSystem } from './installed-system.ts';
import { bootLinux } from './linux-boot.ts';
import { bootWindows } from './windows-boot.ts';

/** Starts what is on the disks, the first one being the boot disk. Changes nothing. */
export function boot(disks: readonly GuestDisk[], hardware: GuestHardware): Boot {
  const [first] = disks;
  const found = first && readSystem(first);
  if (found === undefined || !found.ok) {
    // A loader that is there and cannot find its files, or nothing at all.
    if (found?.error === 'torn' && hardware.firmware === 'bios')
      return stopped('bootLoader', 'error: unknown filesystem.\nEntering rescue mode...\ngrub rescue> ');
    return stopped('firmware', noBootable(hardware));
  }
  const installed = found.value;
  const loaded = firmwareFinds(installed, hardware);
  if (!loaded) return stopped('firmware', noBootable(hardware));
  switch (installed.family) {
    case 'linux':
      return bootLinux(disks, hardware, installed);
    case 'windows':
      return bootWindows(disks, hardware, installed);
    default:
      return unreachable(installed.family);
  }
}

const noBootable = ({ firmware }: GuestHardware): string =>
  firmware === 'bios'
    ? 'Booting from Hard Disk...\nBoot failed: not a bootable disk\n\nNo bootable device.\n'
    : 'BdsDxe: No bootable option or device was found.\nNo bootable device\n';

const fallback = /^\/(boot\/efi\/)?EFI\/boot\/bootx64\.efi$/i;

/**
 * Whether the firmware finds a loader.
 * @source UEFI specification 2.10, 3.5.1.1: what no boot entry names is found as \EFI\BOOT\BOOTX64.EFI on removable media, and on a machine that remembers nothing.
 */
function firmwareFinds({ firmware, present }: InstalledSystem, hardware: GuestHardware): boolean {
  if (firmware !== hardware.firmware) return false;
  if (firmware === 'bios') return true;
  return present.some((path) => fallback.test(path) || hardware.bootEntries.includes(path));
}
