import type { GuestDevice, GuestImage } from '#core/ports/fix-up';

/*
 * What a device is called in a guest's files, and what that means on the target.
 *
 * A name made by a driver or from where a disk is attached (/dev/vda1, by-path, by-id of a virtual disk) is another one
 * on other virtual hardware. A name made from content (UUID, label, LVM, md) goes with the content.
 */

/** What became of a name: it may stay, there is a better one, or it cannot be said what it means. */
export type NameFate =
  | { readonly type: 'stable' }
  | { readonly type: 'replaced'; readonly by: string; readonly device: GuestDevice }
  | { readonly type: 'lost'; readonly why: string };

/** What is known of a place where a name is used: it decides where the name alone does not. */
export interface NameUse {
  /** The file system is mounted here, says the file. */
  readonly mountpoint?: string;
  /** The type the file expects: ext4, swap. */
  readonly type?: string;
}

const contentTags = { UUID: 'uuid', LABEL: 'label', PARTUUID: 'partUuid' } as const;
const contentFolders = { 'by-uuid': 'uuid', 'by-label': 'label', 'by-partuuid': 'partUuid' } as const;

/** The device a name means on these disks, if that can be said. */
export function deviceNamed(devices: readonly GuestDevice[], name: string): GuestDevice | undefined {
  const tag = /^(UUID|LABEL|PARTUUID)="?([^"]+)"?$/.exec(name);
  if (tag !== null) return byContent(devices, contentTags[tag[1] as keyof typeof contentTags], tag[2] ?? '');
  const folder = /^\/dev\/disk\/(by-uuid|by-label|by-partuuid)\/(.+)$/.exec(name);
  if (folder !== null)
    return byContent(devices, contentFolders[folder[1] as keyof typeof contentFolders], folder[2] ?? '');
  const mapped = /^\/dev\/mapper\/(.+)$/.exec(name)?.[1];
  if (mapped !== undefined)
    return devices.find((device) => device.kind === 'lvm' && mapperName(device.name) === mapped);
  const image = imageName(devices, name);
  return devices.find((device) => device.name === (image ?? name));
}

/** What a name becomes on the target. */
export function fateOf(
  { devices, mounts }: Pick<GuestImage, 'devices' | 'mounts'>,
  name: string,
  use: NameUse = {},
): NameFate {
  const isPlace = /^\/dev\/disk\/by-(path|id)\//.test(name) && !/\/by-id\/(dm-|lvm-|md-)/.test(name);
  if (!isPlace && !isDriverName(name)) return { type: 'stable' };
  // What is mounted as the root was found by its content, whatever it is called.
  const root = mounts.find(({ mountpoint }) => mountpoint === '/');
  const found =
    use.mountpoint === '/' ? devices.find((device) => device.name === root?.device) : deviceNamed(devices, name);
  if (found === undefined) return { type: 'lost', why: `no disk here is known to be ${name}` };
  if (use.type !== undefined && !isSameType(use.type, found.type))
    return {
      type: 'lost',
      why: `${name} should hold ${use.type}, and ${found.name} holds ${found.type || 'nothing known'}`,
    };
  if (found.uuid !== '') return { type: 'replaced', by: `UUID=${found.uuid}`, device: found };
  if (found.partUuid !== '') return { type: 'replaced', by: `PARTUUID=${found.partUuid}`, device: found };
  return { type: 'lost', why: `${name} holds nothing with an id of its own` };
}

/** Whether a name is made by a driver or an order of discovery: vda1, sdb, xvda2, hda, nvme0n1p3. */
export const isDriverName = (name: string): boolean => driverName.test(name);

/** A driver's name anywhere in a text: `root=/dev/vda1`. */
export const driverName = /^\/dev\/(?:(?:vd|sd|xvd|hd)([a-z]+)(\d*)|nvme(\d+)n1(?:p(\d+))?)$/;

/** The name a logical volume has below /dev/mapper. */
export const mapperName = (volume: string): string => {
  const [, , group = '', name = ''] = volume.split('/');
  return `${group.replaceAll('-', '--')}-${name.replaceAll('-', '--')}`;
};

function byContent(
  devices: readonly GuestDevice[],
  key: 'uuid' | 'label' | 'partUuid',
  value: string,
): GuestDevice | undefined {
  return devices.find((device) => device[key].toLowerCase() === value.toLowerCase() && value !== '');
}

/** A guest's name of a disk or partition as the name it has here: the first disk is sda, whatever its driver calls it. */
function imageName(devices: readonly GuestDevice[], name: string): string | undefined {
  const [, letters, number = '', nvme, nvmePart = ''] = driverName.exec(name) ?? [];
  if (letters !== undefined) return `/dev/sd${letters}${number}`;
  if (nvme !== undefined) return `/dev/sd${String.fromCharCode(97 + Number(nvme))}${nvmePart}`;
  // Where a disk is attached says which one it is only if there is but one.
  const place = /^\/dev\/disk\/by-(?:path|id)\/.+?(?:-part(\d+))?$/.exec(name);
  const disks = devices.filter(({ kind }) => kind === 'disk');
  return place !== null && disks.length === 1 ? `${disks[0]?.name ?? ''}${place[1] ?? ''}` : undefined;
}

function isSameType(expected: string, found: string): boolean {
  const kind = (type: string): string => (/^ext[234]$/.test(type) ? 'ext' : type === 'auto' ? found : type);
  return kind(expected) === kind(found) || (expected === 'auto' && found !== '');
}
