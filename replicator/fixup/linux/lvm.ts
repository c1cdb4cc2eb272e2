import { fixUpSystem, textEdit, together } from '#replicator/fixup/system';

const lists = ['/etc/lvm/devices/system.devices', '/etc/lvm/cache/.cache', '/etc/blkid.tab', '/etc/blkid/blkid.tab'];
const settings = ['/etc/lvm/lvm.conf', '/etc/lvm/lvmlocal.conf'];

// A filter that accepts by a driver's name rejects the same disk under another name.
const nameFilter = /^(\s*)((?:global_)?filter\s*=.*\/dev\/(?:vd|xvd|disk\/by-(?:id|path)).*)$/gm;

/** What LVM and blkid remember of disks by the hardware they were on. */
export const lvm = fixUpSystem<readonly string[]>('lvm', {
  collect: ({ files }) => [...lists, ...settings].filter((path) => files[path] !== undefined),
  render: (paths, { image }) =>
    together(
      paths.map((path) => ({
        edits: lists.includes(path)
          ? textEdit(image, path, undefined, {
              ...{ system: 'lvm', what: 'forget disks by their old ids' },
              why: 'LVM uses only the disks on this list, and virtual hardware of another hypervisor gives them other ids; without the list it looks at all',
            })
          : textEdit(image, path, (image.files[path] ?? '').replaceAll(nameFilter, '$1# $2'), {
              ...{ system: 'lvm', what: 'no filter by the names of old drivers' },
              why: 'the same disks have other names on the target, and the filter would hide them',
            }),
        findings: [],
      })),
    ),
});
