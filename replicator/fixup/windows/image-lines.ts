import type { GuestImage } from '#core/ports/fix-up';
import type { WindowsGuest } from '#core/ports/windows-guest';
import { controllerDrivers, hasFile, nicDrivers, otherControllers } from './drivers.ts';
import { inSet, lookupIn, numberIn } from './registry.ts';
import { diskPolicyKey } from './settings.ts';

const starts = ['at boot', 'by the kernel', 'by itself', 'when asked for', 'never'] as const;
const policies: Readonly<Record<number, string>> = {
  1: 'OnlineAll',
  2: 'OfflineShared',
  3: 'OfflineAll',
  4: 'OfflineInternal',
};

/** What an inspection found in a Windows guest beside what every guest has, for a person. */
export function windowsLines(image: GuestImage, windows: WindowsGuest): readonly string[] {
  const { edition, architecture, controlSets, volume, hives, loaders } = windows;
  const unfinished = Object.values(hives).filter(({ isClean }) => !isClean);
  const [set = ''] = controlSets;
  const policy = numberIn(lookupIn(windows), diskPolicyKey(set), 'SanPolicy');
  return [
    `${edition || 'an edition that is not named'}, ${image.os.version}, ${architecture}; ${volume.device} is ${volume.state}, the registry ${unfinished.length === 0 ? 'whole' : 'not written in full'}`,
    `starts from ${controlSets.join(', ') || 'no known control set'}; loaders ${loaders.join(', ') || 'none'}; SAN policy ${policy === undefined ? 'not set' : (policies[policy] ?? policy)}`,
    ...[...Object.values(controllerDrivers), ...otherControllers, ...Object.values(nicDrivers)].map((driver) =>
      driverLine(image, windows, driver),
    ),
  ];
}

function driverLine(
  image: GuestImage,
  windows: WindowsGuest,
  { service, file, hardware }: { readonly service: string; readonly file: string; readonly hardware?: string },
): string {
  const look = lookupIn(windows);
  const [set = ''] = windows.controlSets;
  const key = inSet(set, `Services\\${service}`);
  const start = numberIn(look, key, 'Start');
  const isOverridden = Object.values(look(`${key}\\StartOverride`) ?? {}).some(
    (value) => value.type === 'number' && value.number !== 0,
  );
  return [
    `driver ${service}: ${hasFile(image, windows, file) ? file : `no ${file}`}`,
    start === undefined ? 'no service' : `started ${starts[start] ?? start}${isOverridden ? ', overridden' : ''}`,
    ...(hardware !== undefined && windows.knownHardware.includes(hardware) ? [`in store for ${hardware}`] : []),
  ].join(', ');
}
