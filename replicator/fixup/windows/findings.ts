import type { Check } from '#core/migration/facts';
import type { FixUpTarget, GuestImage } from '#core/ports/fix-up';
import type { WindowsGuest } from '#core/ports/windows-guest';
import { formatBytes } from '#core/text/format';
import { failed, warning } from '#replicator/fixup/system';
import { letterIsHere } from './drive-letters.ts';
import { hiveRoots, inSet, isThere, lookupIn, numberIn, textsOf } from './registry.ts';

/** Where Windows keeps which volume has which letter. */
export const mountedKey = `${hiveRoots.system}\\MountedDevices`;

/** The service of VMware's tools. */
export const toolsKey = (set: string): string => inSet(set, 'Services\\VMTools');

/** How Windows reads the clock of the machine. */
export const clockKey = (set: string): string => inSet(set, 'Control\\TimeZoneInformation');

/** Whether shutting down keeps a session for the next start. */
export const fastStartupKey = (set: string): string => inSet(set, 'Control\\Session Manager\\Power');

/** Where memory is paged to. */
export const pagingKey = (set: string): string => inSet(set, 'Control\\Session Manager\\Memory Management');

/** The key with a key for each adapter's addresses. */
export const interfacesKey = (set: string): string => inSet(set, 'Services\\Tcpip\\Parameters\\Interfaces');

/** What a person should know of this guest beside the edits. */
export function windowsFindings(image: GuestImage, windows: WindowsGuest, target: FixUpTarget): readonly Check[] {
  const [set = ''] = windows.controlSets;
  return [
    ...addresses(windows, set),
    ...surroundings(windows, set),
    ...pageFiles(image, windows, set),
    ...volumes(image),
    ...sentinel(target),
  ];
}

// Copies of the hives, and room for Windows to boot at all.
const roomNeeded = 100 * 2 ** 20;

/** Whether there is room for what a fix-up keeps and writes. */
export function roomFindings({ mounts }: GuestImage): readonly Check[] {
  const free = mounts[0]?.free ?? 0;
  if (free >= roomNeeded) return [];
  return [
    failed(
      'room:/',
      `the volume of Windows has ${formatBytes(free)} left, and ${formatBytes(roomNeeded)} are needed: the registry is kept as it was`,
      'make room on it in the source',
    ),
  ];
}

/** Addresses that were given by hand belong to an adapter, and the target has others. */
function addresses(windows: WindowsGuest, set: string): readonly Check[] {
  const below = `${interfacesKey(set)}\\`.toLowerCase();
  return Object.entries(windows.registry).flatMap(([key, values]) => {
    if (!key.toLowerCase().startsWith(below)) return [];
    const given = textsOf(values, 'IPAddress').filter((address) => address !== '0.0.0.0');
    if (numberIn(() => values, key, 'EnableDHCP') !== 0 || given.length === 0) return [];
    return [
      warning(
        `network:${given.join(',')}`,
        `${given.join(', ')} was given by hand to an adapter that the target does not have`,
        `give it to the new adapter in the target: ${netshFor(given, textsOf(values, 'SubnetMask'), textsOf(values, 'DefaultGateway'))}`,
      ),
    ];
  });
}

function netshFor(
  [address = '']: readonly string[],
  [mask = '']: readonly string[],
  [gateway = '']: readonly string[],
): string {
  return ['netsh interface ipv4 set address "Ethernet" static', address, mask, gateway].filter(Boolean).join(' ');
}

function surroundings(windows: WindowsGuest, set: string): readonly Check[] {
  const look = lookupIn(windows);
  return [
    ...(!isThere(look, toolsKey(set))
      ? [
          warning(
            'tools:vmware',
            'VMware Tools are not installed: vSphere will not see addresses and cannot shut the guest down in order',
            'install VMware Tools in the target after the cutover',
          ),
        ]
      : []),
    ...(numberIn(look, clockKey(set), 'RealTimeIsUniversal') === 1
      ? [
          warning(
            'clock:utc',
            'Windows takes the clock of the machine for UTC',
            'set rtc.diffFromUTC to 0 in the target VM, or the time is wrong until it is synchronized',
          ),
        ]
      : []),
    ...(numberIn(look, fastStartupKey(set), 'HiberbootEnabled') === 1
      ? [
          warning(
            'power:fast-startup',
            'fast startup is on: shut down in the usual way, the guest keeps a session, and is refused here the next time',
            'turn it off in the source: powercfg /hibernate off',
          ),
        ]
      : []),
  ];
}

function pageFiles(image: GuestImage, windows: WindowsGuest, set: string): readonly Check[] {
  const look = lookupIn(windows);
  // "?:\pagefile.sys" is on whatever volume Windows chooses.
  const letters = textsOf(look(pagingKey(set)), 'PagingFiles').flatMap(
    (text) => /^([a-z]):/i.exec(text)?.[1]?.toUpperCase() ?? [],
  );
  return [...new Set(letters)]
    .filter((letter) => !letterIsHere(image.devices, look(mountedKey), letter))
    .map((letter) =>
      warning(
        `page-file:${letter}`,
        `memory is paged to ${letter}:, which is on none of these disks`,
        'Windows makes itself a small page file if it finds none; set the right one in the target',
      ),
    );
}

/** Types of the partitions of dynamic disks, on MBR and on GPT. */
const dynamicTypes = ['0x42', '5808c8aa-7e8f-42e0-85d2-e1e90434cfb3', 'af9b60a0-1431-4f62-bc68-3311714a69ad'];

/** Whether a partition belongs to a dynamic disk. */
export const isDynamic = ({ partType }: GuestImage['devices'][number]): boolean => dynamicTypes.includes(partType);

function volumes({ devices, locked }: GuestImage): readonly Check[] {
  return [
    ...devices
      .filter(isDynamic)
      .map(({ name }) =>
        warning(
          `dynamic:${name}`,
          `${name} is of a dynamic disk, which Windows may take for a foreign one on another controller`,
          'import foreign disks in Disk Management after the test launch',
        ),
      ),
    ...locked.map((device) =>
      warning(
        `locked:${device}`,
        `${device} is encrypted by BitLocker: what is in it was not looked at`,
        'have its recovery key at hand: what unlocks it in the source does not come along',
      ),
    ),
  ];
}

const sentinel = ({ stage }: FixUpTarget): readonly Check[] =>
  stage === undefined
    ? []
    : [
        warning(
          'stage:sentinel',
          'there is no sentinel for Windows: nobody in the guest will finish the fix-up and report',
          'look at the console and the network from outside',
        ),
      ];
