import type { RegistryValue, RegistryValues } from '#core/ports/windows-guest';
import type { GuestDisk } from './guest-disk.ts';
import { controllers, nicModels, type GuestHardware } from './hardware.ts';
import { readPartitions, type InstalledSystem } from './installed-system.ts';
import { stopped, type Boot } from './boot-outcome.ts';
import type { BootedNic } from './linux-network.ts';

const system = 'HKEY_LOCAL_MACHINE\\SYSTEM';

/**
 * From the boot manager to the logon. Windows says little on a serial console; a stop error is on its screen, which is taken
 * for its console here.
 * @source Windows Hardware Developer documentation, "Bug Check 0x7B INACCESSIBLE_BOOT_DEVICE": no driver for the controller of the boot disk is loaded at boot.
 * @source Windows Hardware Developer documentation, "HKLM\SYSTEM\CurrentControlSet\Services": Start 0 is loaded by the boot loader, and StartOverride counts before it.
 * @differs Of Windows only the driver of its boot disk, the drivers of its cards and its services are looked at; nothing is installed by plug and play.
 */
export function bootWindows(disks: readonly GuestDisk[], hardware: GuestHardware, installed: InstalledSystem): Boot {
  const look = lookupIn(installed.registry ?? {});
  const current = numberOf(look(`${system}\\Select`)?.['Current']) ?? 1;
  const set = `${system}\\ControlSet${String(current).padStart(3, '0')}`;
  const { service } = controllers[hardware.controller];
  if (!loadsAtBoot(installed, look, set, service))
    return stopped('stopError', 'STOP: 0x0000007B INACCESSIBLE_BOOT_DEVICE\n');
  const hasNicDriver = hasFile(installed, look(`${set}\\Services\\${nicModels[hardware.nicModel].service}`));
  const interfaces = Object.entries(installed.registry ?? {}).filter(([key]) =>
    key.includes('\\Tcpip\\Parameters\\Interfaces\\'),
  );
  const nics = hasNicDriver
    ? hardware.nics.map(({ mac }, slot) => cardOf(mac, slot, hardware, interfaces[slot]?.[1]))
    : [];
  const mounts = disks.flatMap((disk, index) =>
    readPartitions(disk)
      .filter(({ type }) => type === 'ntfs')
      .map(({ number, type, uuid }) => ({
        mountpoint: index === 0 ? '/' : `/${String.fromCharCode(67 + index)}:`,
        device: `\\Device\\Harddisk${index}\\Partition${number}`,
        ...{ type, uuid, disk: index },
      })),
  );
  const build = look('HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion')?.['CurrentBuildNumber'];
  return {
    console: 'Windows Boot Manager\n',
    waitedMs: 0,
    outcome: {
      type: 'up',
      booted: { installed, kernel: build?.type === 'string' ? build.text : '', mounts, nics, failed: [] },
    },
  };
}

type Lookup = (key: string) => RegistryValues | undefined;

function lookupIn(registry: NonNullable<InstalledSystem['registry']>): Lookup {
  const all = new Map(Object.entries(registry).map(([key, values]) => [key.toLowerCase(), values]));
  return (key) => all.get(key.toLowerCase());
}

const numberOf = (value: RegistryValue | undefined): number | undefined =>
  value?.type === 'number' ? value.number : undefined;

function loadsAtBoot(installed: InstalledSystem, look: Lookup, set: string, service: string): boolean {
  const key = `${set}\\Services\\${service}`;
  const values = look(key);
  const override = Object.values(look(`${key}\\StartOverride`) ?? {}).map(numberOf);
  const start = override.length > 0 ? Math.max(...override.map((one) => one ?? 0)) : numberOf(values?.['Start']);
  return start === 0 && hasFile(installed, values);
}

function hasFile({ present }: InstalledSystem, values: RegistryValues | undefined): boolean {
  const path = values?.['ImagePath'];
  const file = path && 'text' in path ? path.text.split('\\').at(-1)?.toLowerCase() : undefined;
  return file !== undefined && present.some((one) => one.toLowerCase().endsWith(`/drivers/${file}`));
}

function cardOf(mac: string, slot: number, { nicModel }: GuestHardware, values: RegistryValues | undefined): BootedNic {
  const texts = (name: string): readonly string[] => {
    const value = values?.[name];
    return value?.type === 'strings' ? value.texts.filter((text) => text !== '' && text !== '0.0.0.0') : [];
  };
  return {
    name: `Ethernet${slot === 0 ? '' : ` ${slot + 1}`}`,
    ...{ mac, driver: nicModels[nicModel].service },
    addresses: texts('IPAddress').map((address) => `${address}/24`),
    dhcp: numberOf(values?.['EnableDHCP']) === 1,
  };
}
