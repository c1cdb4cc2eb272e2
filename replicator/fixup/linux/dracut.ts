import type { Edit, GuestKernel } from '#core/ports/fix-up';
import { bootableKernels, driversToBoot, driversToPack, driversNotPacked } from '#replicator/fixup/drivers';
import { fixUpSystem, textEdit, type PlanContext } from '#replicator/fixup/system';

const system = 'dracut';
const ownPath = '/etc/dracut.conf.d/50-sealift.conf';

/** dracut of Red Hat, SUSE and their kin: drivers named for good, images of all kernels but the rescue one rebuilt. */
export const dracut = fixUpSystem<'dracut'>(system, {
  collect: ({ initramfsSystem }) => (initramfsSystem === 'dracut' ? 'dracut' : undefined),
  render: (_, context) => {
    const { image, target, planned } = context;
    const kernels = bootableKernels(image.kernels, target);
    const links = planned
      .filter(({ path }) => /^\/etc\/systemd\/network\/[^/]+\.link$/.test(path))
      .map(({ path }) => path);
    const kept = /install_items\+=" (.*) "/.exec(image.files[ownPath] ?? '')?.[1]?.split(' ') ?? [];
    const files = textEdit(
      image,
      ownPath,
      configuration(driversToPack(target, kernels), [...new Set([...kept, ...links])].toSorted()),
      {
        system,
        what: 'add the drivers of vSphere hardware to every initramfs',
        why: 'dracut packs what the machine it runs on has, and an initramfs without the driver of its disk controller finds no root; named here, kernels installed later have them too',
      },
    );
    return { edits: [...files, ...rebuilds(context, files)], findings: [] };
  },
});

// dracut joins these lists as words, so each begins and ends with a blank. Names of NICs are kept by .link files, which
// must be at work where the driver is first loaded.
const configuration = (drivers: readonly string[], links: readonly string[]): string =>
  [
    '# Written by Sealift: the virtual hardware of vSphere.',
    `add_drivers+=" ${drivers.join(' ')} "`,
    ...(links.length === 0 ? [] : [`install_items+=" ${links.join(' ')} "`]),
    '',
  ].join('\n');

function rebuilds({ image, target, planned }: PlanContext, own: readonly Edit[]): readonly Edit[] {
  const goesIn = [...planned, ...own].some(({ path }) => isPacked(path));
  return bootableKernels(image.kernels, target)
    .filter((kernel) => goesIn || driversNotPacked(kernel, driversToBoot(target)).length > 0)
    .map((kernel) => ({
      id: `initramfs:${kernel.version}`,
      what: `rebuild the initramfs of kernel ${kernel.version}`,
      why: 'what is named in files is in an initramfs only once that is built again',
      path: pathOf(kernel, image.os.family),
      run: ['dracut', '--force', pathOf(kernel, image.os.family), kernel.version],
    }));
}

const pathOf = ({ initramfs, version }: GuestKernel, family: string): string =>
  initramfs?.path ?? (family === 'suse' ? `/boot/initrd-${version}` : `/boot/initramfs-${version}.img`);

const isPacked = (path: string): boolean =>
  /^\/etc\/(dracut\.conf\.d|modprobe\.d|lvm|udev)\/|^\/etc\/systemd\/network\/[^/]+\.link$|^\/etc\/(crypttab|fstab|dracut\.conf|mdadm\.conf|modprobe\.conf)$/.test(
    path,
  );
