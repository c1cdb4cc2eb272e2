import { fixUpSystem, textEdit, together } from '#replicator/fixup/system';
import { driversToRun } from '#replicator/fixup/drivers';

const oldNic = /^(virtio_net|hv_netvsc|xen_vnif|xennet|xen_netfront|e1000|8139cp|8139too)$/;
const oldController = /^(virtio_blk|virtio_scsi|virtio_pci|hv_storvsc|xenblk|xen_vbd|xen_blkfront|ata_piix|mptspi)$/;
const controllers = { pvscsi: 'vmw_pvscsi', lsisas: 'mptsas' } as const;

/** Aliases that load a driver for a NIC or a disk by name, and rules that keep a needed one from loading. */
export const modprobe = fixUpSystem<readonly string[]>('modprobe', {
  collect: ({ files }) => Object.keys(files).filter((path) => /^\/etc\/modprobe\.(conf|d\/)/.test(path)),
  render: (paths, { image, target }) => {
    const needed = driversToRun(target).join('|');
    const blocked = new RegExp(
      `^(\\s*)((?:blacklist\\s+(?:${needed})|install\\s+(?:${needed})\\s+\\S*(?:false|true))\\s*)$`,
      'gm',
    );
    return together(
      paths.map((path) => {
        const after = (image.files[path] ?? '')
          .replaceAll(/^(\s*alias\s+eth\d+\s+)(\S+)/gm, (match, head: string, driver: string) =>
            oldNic.test(driver) ? `${head}${target.nicModel}` : match,
          )
          .replaceAll(/^(\s*alias\s+scsi_hostadapter\d*\s+)(\S+)/gm, (match, head: string, driver: string) =>
            oldController.test(driver) ? `${head}${controllers[target.controller]}` : match,
          )
          .replaceAll(blocked, '$1# $2');
        return {
          edits: textEdit(image, path, after, {
            ...{ system: 'modprobe', what: 'load the drivers of the new hardware' },
            why: 'a driver is loaded by these names, or kept from loading, whatever hardware is there',
          }),
          findings: [],
        };
      }),
    );
  },
});
