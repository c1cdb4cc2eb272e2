import type { FixUpTarget } from '#core/ports/fix-up';
import type { WindowsGuest } from '#core/ports/windows-guest';

/** A driver of Windows: the service it is in the registry, its file, and the hardware it is for. */
export interface WindowsDriver {
  readonly service: string;
  /** In `System32\drivers`. */
  readonly file: string;
  /** As Windows names hardware on the PCI bus. */
  readonly hardware: string;
}

/** What the disks will be attached to. Windows brings the driver of LSI SAS; that of pvscsi comes from VMware. */
export const controllerDrivers = {
  pvscsi: { service: 'pvscsi', file: 'pvscsi.sys', hardware: 'PCI\\VEN_15AD&DEV_07C0' },
  lsisas: { service: 'LSI_SAS', file: 'lsi_sas.sys', hardware: 'PCI\\VEN_1000&DEV_0054' },
} as const satisfies Record<FixUpTarget['controller'], WindowsDriver>;

/** Drivers of other controllers of vSphere that Windows brings, so that the controller may be changed later. */
export const otherControllers: readonly Pick<WindowsDriver, 'service' | 'file'>[] = [
  { service: 'storahci', file: 'storahci.sys' },
  { service: 'msahci', file: 'msahci.sys' },
  { service: 'stornvme', file: 'stornvme.sys' },
];

/** What the NICs will be. The driver of vmxnet3 comes from VMware, that of e1000e with Windows 8 and 2012 and later. */
export const nicDrivers = {
  vmxnet3: { service: 'vmxnet3ndis6', file: 'vmxnet3.sys', hardware: 'PCI\\VEN_15AD&DEV_07B0' },
  e1000e: { service: 'e1iexpress', file: 'e1i65x64.sys', hardware: 'PCI\\VEN_8086&DEV_10D3' },
} as const satisfies Record<FixUpTarget['nicModel'], WindowsDriver>;

/** Builds from which on Windows knows hardware by its driver database, and overrides how drivers start. */
const driverDatabaseFrom = 9200;

/** Whether it has a database of drivers: before, hardware needed to boot is on a list of its own. */
export const hasDriverDatabase = ({ build }: WindowsGuest): boolean => build >= driverDatabaseFrom;

/** Whether a driver's file is where it is loaded from. */
export const hasFile = (
  { present }: { readonly present: readonly string[] },
  { folder }: WindowsGuest,
  file: string,
): boolean => present.some((path) => path.toLowerCase() === driverPath(folder, file).toLowerCase());

/** Where a driver's file is in the guest. */
export const driverPath = (folder: string, file: string): string => `${folder}/System32/drivers/${file}`;
