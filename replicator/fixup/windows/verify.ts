import type { Check } from '#core/migration/facts';
import type { Edit, FixUpPlan, FixUpTarget, GuestImage } from '#core/ports/fix-up';
import type { WindowsGuest } from '#core/ports/windows-guest';
import { failed, passed, warning } from '#replicator/fixup/system';
import { hasNicDriver, startOf } from './boot-drivers.ts';
import { controllerDrivers, hasFile } from './drivers.ts';
import { runsFirstBoot, scriptPath } from './first-boot.ts';
import { parseRegistryText } from './registry-text.ts';
import { holds, inSet, lookupIn, numberIn } from './registry.ts';
import { diskPolicyKey } from './settings.ts';

type Hardware = Pick<FixUpTarget, 'controller' | 'nicModel'>;
const again = 'apply the plan again, or make a new one';

/** Holds a Windows image against what it takes to boot on the target. Pure, and judged by what is in the image. */
export function verifyWindows(image: GuestImage, windows: WindowsGuest, plan: FixUpPlan): readonly Check[] {
  const hardware: Hardware = plan.target ?? { controller: 'pvscsi', nicModel: 'vmxnet3' };
  return [
    ...editChecks(image, windows, plan.edits),
    ...registryChecks(windows),
    ...driverChecks(image, windows, hardware),
    ...diskChecks(windows),
    ...firstBootChecks(image, windows),
    ...loaderChecks(image, windows),
  ];
}

function editChecks({ files }: GuestImage, windows: WindowsGuest, edits: readonly Edit[]): readonly Check[] {
  const look = lookupIn(windows);
  const isMade = ({ hive, path, after }: Edit): boolean => {
    if (hive === undefined) return files[path] === after;
    const states = parseRegistryText(after ?? '');
    return states.ok && states.value.every((state) => holds(look, state));
  };
  const undone = edits.filter((edit) => edit.run === undefined && !isMade(edit));
  if (undone.length === 0) return [passed('edits', `${edits.length} edits are in the image`)];
  return undone.map(({ id, path }) => failed(`edit:${id}`, `${path} is not as the plan says`, again));
}

function registryChecks({ hives, controlSets }: WindowsGuest): readonly Check[] {
  const unfinished = Object.values(hives).filter(({ isClean }) => !isClean);
  if (unfinished.length > 0)
    return unfinished.map(({ path }) =>
      failed('registry:hive', `${path} does not say that it was written in full`, 'undo the fix-up and apply it again'),
    );
  return controlSets.length === 0
    ? [failed('registry:select', 'the registry names no control set that is there', 'undo the fix-up')]
    : [passed('registry', `both hives are whole, and Windows starts from ${controlSets[0] ?? ''}`)];
}

function driverChecks(image: GuestImage, windows: WindowsGuest, hardware: Hardware): readonly Check[] {
  const { service, file } = controllerDrivers[hardware.controller];
  const look = lookupIn(windows);
  const id = `driver:${service}`;
  const wrong = windows.controlSets.flatMap((set) => {
    const key = inSet(set, `Services\\${service}`);
    const start = numberIn(look, key, 'Start');
    const overrides = Object.values(look(`${key}\\StartOverride`) ?? {});
    if (start !== startOf.boot) return [`${set} starts it by ${start ?? 'nothing'}, not at boot`];
    return overrides.some((value) => value.type === 'number' && value.number !== 0)
      ? [`${set} overrides how it starts`]
      : [];
  });
  return [
    ...(hasFile(image, windows, file)
      ? []
      : [
          failed(
            id,
            `${file}, the driver of the disk controller, is not there`,
            'use a controller that it has a driver for',
          ),
        ]),
    ...wrong.map((what) => failed(id, `${service}: ${what}`, again)),
    ...(hasFile(image, windows, file) && wrong.length === 0
      ? [passed(id, `${service} is loaded at boot, whatever it starts from`)]
      : []),
    hasNicDriver(image, windows, hardware.nicModel)
      ? passed(`driver:${hardware.nicModel}`, `there is a driver of ${hardware.nicModel}`)
      : warning(
          `driver:${hardware.nicModel}`,
          `no driver of ${hardware.nicModel} was seen`,
          'look at the network after the test launch',
        ),
  ];
}

function diskChecks(windows: WindowsGuest): readonly Check[] {
  const look = lookupIn(windows);
  const other = windows.controlSets.filter((set) => numberIn(look, diskPolicyKey(set), 'SanPolicy') !== 1);
  return other.length === 0
    ? [passed('disks', 'all disks are brought online')]
    : [
        warning(
          'disks',
          `the SAN policy of ${other.join(', ')} is not OnlineAll: disks beside the first may stay offline`,
          'bring them online after the test launch',
        ),
      ];
}

function firstBootChecks({ files }: GuestImage, windows: WindowsGuest): readonly Check[] {
  const path = scriptPath(windows);
  if (!runsFirstBoot(windows))
    return [warning('first-boot', 'nothing is run at the first boot on the target', 'apply the plan')];
  return files[path] === undefined
    ? [failed('first-boot', `Windows is to run ${path}, which is not there`, again)]
    : [passed('first-boot', `${path} is run once, before the logon`)];
}

function loaderChecks({ firmware }: GuestImage, { loaders }: WindowsGuest): readonly Check[] {
  if (firmware === 'uefi')
    return loaders.some((path) => /\/bootx64\.efi$/i.test(path))
      ? [passed('boot', 'the firmware finds a loader by itself')]
      : [
          failed(
            'boot',
            'the EFI partition has no EFI/Boot/bootx64.efi, and boot entries of the old firmware do not come along',
            'have Windows write it in the source: bcdboot C:\\Windows /f UEFI',
          ),
        ];
  return loaders.length > 0
    ? [passed('boot', 'the loader of Windows is there')]
    : [warning('boot', 'no boot loader of Windows was seen', 'look at the console during the test launch')];
}
