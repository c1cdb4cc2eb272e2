import { unescaped } from './mounts.ts';

/** One line of `/etc/fstab`. */
export interface FstabEntry {
  readonly device: string;
  readonly mountpoint: string;
  readonly type: string;
  readonly options: string;
}

/** Reads `/etc/fstab`, comments and empty lines left out. */
export const parseFstab = (text: string): readonly FstabEntry[] =>
  text.split('\n').flatMap((line) => {
    const [device, mountpoint, type, options] = line.trim().split(/\s+/);
    if (device === undefined || device === '' || device.startsWith('#') || mountpoint === undefined) return [];
    return [{ device: unescaped(device), mountpoint: unescaped(mountpoint), type: type ?? '', options: options ?? '' }];
  });

/** Whether a device is named by what changes with the virtual hardware, and not by its content. */
export const isHardwareName = (device: string): boolean =>
  /^\/dev\/(?:[vsh]d[a-z]+|xvd[a-z]+|nvme\d+n\d+|disk\/by-(?:id|path)\/(?!(?:dm|md|lvm)-))/.test(device);
