import type { Check } from '#core/migration/facts';
import type { Edit, FixUpTarget, GuestImage } from '#core/ports/fix-up';
import type { RegistryValue, WindowsGuest } from '#core/ports/windows-guest';
import { failed, fixUpSystem, together, warning, type SystemPlan } from '#replicator/fixup/system';
import {
  controllerDrivers,
  driverPath,
  hasDriverDatabase,
  hasFile,
  nicDrivers,
  otherControllers,
  type WindowsDriver,
} from './drivers.ts';
import type { KeyState } from './registry-text.ts';
import { dword, inSet, isThere, keyAbsent, keyWith, lookupIn, numberIn, registryEdit } from './registry.ts';

const system = 'boot-driver';
/** How a service starts: loaded by the boot loader, by who asks for it, or not at all. */
export const startOf = { boot: 0, onDemand: 3, never: 4 } as const;

// Class of drivers of SCSI and RAID controllers, on the list that Windows before 8 finds its disks by.
const controllerClass = '{4D36E97B-E325-11CE-BFC1-08002BE10318}';

/**
 * Drivers of disk controllers, loaded at boot. Windows loads at boot what it has been on: another controller's driver
 * waits to be asked for, or is overridden for the hardware it knows, and the first boot stops without its disk.
 */
export const bootDrivers = fixUpSystem<WindowsGuest>(system, {
  collect: ({ windows }) => windows,
  render: (windows, { image, target }) => {
    const needed = controllerDrivers[target.controller];
    const others = [...Object.values(controllerDrivers), ...otherControllers].filter(
      (driver) => driver.service !== needed.service && canLoad(image, windows, driver),
    );
    if (!hasFile(image, windows, needed.file)) return { edits: [], findings: [missingFile(windows, needed)] };
    return together([
      ...windows.controlSets.map((set) => neededIn(windows, set, needed)),
      ...windows.controlSets.map((set) => ({
        edits: others.flatMap((driver) =>
          loadedAtBoot(windows, set, driver, 'so that the controller may be changed later'),
        ),
        findings: [],
      })),
      { edits: [], findings: unknownHardware(windows, needed) },
    ]);
  },
});

/** Whether a driver that is not needed is there as a whole; half of one is left alone. */
const canLoad = (
  image: GuestImage,
  windows: WindowsGuest,
  { service, file }: Pick<WindowsDriver, 'service' | 'file'>,
) =>
  hasFile(image, windows, file) &&
  windows.controlSets.every((set) => lookupIn(windows)(inSet(set, `Services\\${service}`)) !== null);

function neededIn(windows: WindowsGuest, set: string, driver: WindowsDriver): SystemPlan {
  const why = 'the disk with Windows is on its controller: without it the first boot stops with 0x7B';
  return {
    edits: [...loadedAtBoot(windows, set, driver, why), ...listedAsCritical(windows, set, driver)],
    findings: [],
  };
}

function loadedAtBoot(
  windows: WindowsGuest,
  set: string,
  { service, file }: Pick<WindowsDriver, 'service' | 'file'>,
  why: string,
): readonly Edit[] {
  const look = lookupIn(windows);
  const key = inSet(set, `Services\\${service}`);
  const override = `${key}\\StartOverride`;
  const overrides = Object.values(look(override) ?? {}).some((value) => value.type === 'number' && value.number !== 0);
  const states: readonly KeyState[] = [
    keyWith(key, look(key) === null ? wholeService(file) : { Start: dword(startOf.boot) }),
    ...(overrides ? [keyAbsent(override)] : []),
  ];
  const words = { id: `${system}:${service}:${set}`, what: `load ${service} (${file}) at boot`, why };
  return registryEdit(windows, words, states);
}

const wholeService = (file: string): Readonly<Record<string, RegistryValue>> => ({
  Type: dword(1),
  Start: dword(startOf.boot),
  ErrorControl: dword(3),
  Group: { type: 'string', text: 'SCSI miniport' },
  ImagePath: { type: 'expandable', text: `System32\\drivers\\${file}` },
});

function listedAsCritical(windows: WindowsGuest, set: string, { service, hardware }: WindowsDriver): readonly Edit[] {
  if (hasDriverDatabase(windows)) return [];
  return registryEdit(
    windows,
    {
      id: `${system}:critical:${set}`,
      what: `name ${service} as the driver of ${hardware}`,
      why: 'Windows before 8 finds its disk at boot by a list of hardware and drivers',
    },
    [
      keyWith(criticalKey(set)),
      keyWith(`${criticalKey(set)}\\${hardware.replace('\\', '#')}`, {
        Service: { type: 'string', text: service },
        ClassGUID: { type: 'string', text: controllerClass },
      }),
    ],
  );
}

/** The list by which Windows before 8 finds its disks. */
export const criticalKey = (set: string): string => inSet(set, 'Control\\CriticalDeviceDatabase');

function missingFile({ folder }: WindowsGuest, { service, file }: WindowsDriver): Check {
  const path = driverPath(folder, file);
  if (service === controllerDrivers.pvscsi.service)
    return failed(
      `${system}:${service}`,
      `${path} is not there: Windows does not bring the driver of pvscsi, and cannot find its disk on it`,
      'use --target-controller lsisas, whose driver Windows brings; once VMware Tools are installed in the target, its controller can be changed to pvscsi',
    );
  return failed(
    `${system}:${service}`,
    `${path} is not there: this Windows has no driver for LSI SAS, and cannot find its disk on it`,
    'bring the driver back in the source (dism /online /cleanup-image /restorehealth), or use --target-controller pvscsi with its driver installed',
  );
}

function unknownHardware(windows: WindowsGuest, { service, hardware }: WindowsDriver): readonly Check[] {
  if (!hasDriverDatabase(windows) || windows.knownHardware.includes(hardware)) return [];
  return [
    warning(
      `${system}:hardware`,
      `the driver database does not name ${hardware}, which ${service} is for`,
      'install the driver as a package in the source (pnputil /add-driver), not by copying files; look at the console during the test launch',
    ),
  ];
}

/** The driver of the NICs: in use or in store, or the guest boots without a network. */
export const nicDriver = fixUpSystem<WindowsGuest>('nic-driver', {
  collect: ({ windows }) => windows,
  render: (windows, { image, target }) => {
    const { service } = nicDrivers[target.nicModel];
    const keys = windows.controlSets.map((set) => [set, inSet(set, `Services\\${service}`)] as const);
    const look = lookupIn(windows);
    const disabled = keys.filter(([, key]) => numberIn(look, key, 'Start') === startOf.never);
    const edits = disabled.flatMap(([set, key]) =>
      registryEdit(
        windows,
        {
          id: `nic-driver:${service}:${set}`,
          what: `let ${service} load`,
          why: 'the driver of the NICs is switched off',
        },
        [keyWith(key, { Start: dword(startOf.onDemand) })],
      ),
    );
    return {
      edits,
      findings: hasNicDriver(image, windows, target.nicModel) ? [] : [missingNicDriver(windows, target.nicModel)],
    };
  },
});

/** Whether there is a driver of such NICs, in use or in store. */
export function hasNicDriver(image: GuestImage, windows: WindowsGuest, model: FixUpTarget['nicModel']): boolean {
  const { service, file, hardware } = nicDrivers[model];
  const isService = windows.controlSets.some((set) => isThere(lookupIn(windows), inSet(set, `Services\\${service}`)));
  return windows.knownHardware.includes(hardware) || (isService && hasFile(image, windows, file));
}

function missingNicDriver(windows: WindowsGuest, model: keyof typeof nicDrivers): Check {
  if (model === 'vmxnet3')
    return failed(
      'nic-driver:vmxnet3',
      'the driver of vmxnet3 is not there: Windows does not bring it, and would have no network',
      hasDriverDatabase(windows)
        ? 'use --target-nic e1000e, whose driver Windows brings; or install the driver in the source (from VMware Tools: pnputil /add-driver vmxnet3.inf /install)'
        : 'install the driver in the source (from VMware Tools)',
    );
  return warning(
    'nic-driver:e1000e',
    'no driver of e1000e was seen: there may be no network',
    'look at the network after the test launch; Windows brings the driver from 8 and 2012 on',
  );
}
