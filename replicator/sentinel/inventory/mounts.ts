/** One mount as the kernel lists it in `/proc/self/mountinfo`. */
export interface Mount {
  readonly id: number;
  /** `major:minor`: the same for every place where one file system is mounted. */
  readonly device: string;
  /** The folder of the file system that is mounted: `/` unless it is a bind mount or a subvolume. */
  readonly folder: string;
  readonly mountpoint: string;
  readonly type: string;
  readonly source: string;
  /** Whether nothing can be written through this mount. */
  readonly readOnly: boolean;
  /** Whether the file system itself takes no writes, through whatever mount. */
  readonly fileSystemReadOnly: boolean;
  readonly options: string;
}

const networkTypes: ReadonlySet<string> = new Set(
  [
    'nfs',
    'nfs4',
    'cifs',
    'smb3',
    'smbfs',
    'ncpfs',
    'afs',
    'ceph',
    '9p',
    'glusterfs',
    'lustre',
    'gpfs',
    'ocfs2',
    'gfs2',
  ].concat(['fuse.sshfs', 'fuse.glusterfs', 'fuse.ceph', 'fuse.s3fs', 'virtiofs', 'davfs', 'fuse.rclone']),
);

// In /proc/filesystems they are `nodev`, and have disks all the same.
const pooled: ReadonlySet<string> = new Set(['zfs', 'bcachefs']);

/** Reads `/proc/self/mountinfo`. Lines it cannot read are left out: the kernel writes none. */
export function parseMountInfo(text: string): readonly Mount[] {
  return text.split('\n').flatMap((line) => {
    const [front, back] = line.split(' - ');
    if (front === undefined || back === undefined) return [];
    const [id, , device, folder, mountpoint, options] = front.split(' ');
    const [type, source, superOptions] = back.split(' ');
    if (device === undefined || mountpoint === undefined || type === undefined || options === undefined) return [];
    const all = [...new Set([...options.split(','), ...(superOptions ?? '').split(',')])].filter((o) => o !== '');
    return [
      {
        id: Number(id),
        device,
        folder: unescaped(folder ?? '/'),
        mountpoint: unescaped(mountpoint),
        type,
        source: unescaped(source ?? ''),
        readOnly: options.split(',').includes('ro'),
        fileSystemReadOnly: (superOptions ?? '').split(',').includes('ro'),
        options: all.join(','),
      },
    ];
  });
}

/** The file systems that live on no device, as `/proc/filesystems` lists them. */
export function parseNoDeviceTypes(text: string): ReadonlySet<string> {
  const types = text.split('\n').flatMap((line) => /^nodev\s+(\S+)/.exec(line)?.[1] ?? []);
  return new Set(types.filter((type) => !pooled.has(type)));
}

/** Whether a mount is a share of another machine, whose content is not moved with this one. */
export const isNetworkShare = (mount: Mount): boolean => networkTypes.has(mount.type);

/** Mounts of file systems on disks of this machine, in the order in which they were mounted. */
export const onDisk = (mounts: readonly Mount[], noDevice: ReadonlySet<string>): readonly Mount[] =>
  mounts.filter((mount) => !isNetworkShare(mount) && !noDevice.has(mount.type) && !mount.type.startsWith('fuse.'));

/** One mount for each file system: the first of them, which is the one that others were bound from. */
export function oncePerFileSystem(mounts: readonly Mount[]): readonly Mount[] {
  const seen = new Set<string>();
  return mounts.filter(({ device, type }) => {
    const key = `${type} ${device}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** Paths in files of the kernel have blanks, tabs, line ends and backslashes as three octal digits. */
export const unescaped = (text: string): string =>
  text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
