import type { Edit, GuestImage } from '#core/ports/fix-up';
import { bootableKernels, driversToBoot, driversToPack, driversNotPacked } from '#replicator/fixup/drivers';
import { assigned } from '#replicator/fixup/describe-image';
import { fixUpSystem, textEdit, type PlanContext } from '#replicator/fixup/system';

const system = 'initramfs-tools';
const modulesPath = '/etc/initramfs-tools/modules';
const ownPath = '/etc/initramfs-tools/conf.d/zz-sealift';
const ownText =
  '# Written by Sealift: "dep" packs only what the machine it runs on has, and the machine has changed.\nMODULES=most\n';

/** What goes into an initramfs of Debian and its kin: `MODULES` (most, dep, list) and names in `modules`. */
interface Model {
  readonly chosen: string;
  readonly named: readonly string[];
}

/** initramfs-tools of Debian and Ubuntu: drivers named for good, images of all kernels rebuilt. */
export const initramfsTools = fixUpSystem<Model>(system, {
  collect: (image) =>
    image.initramfsSystem === 'initramfs-tools'
      ? { chosen: chosenModules(image.files), named: namesIn(image.files[modulesPath] ?? '') }
      : undefined,
  render: ({ chosen, named }, context) => {
    const { image, target } = context;
    const kernels = bootableKernels(image.kernels, target);
    const missing = driversToPack(target, kernels).filter((name) => !named.includes(name));
    const text = image.files[modulesPath] ?? '';
    const lines = ['# Added by Sealift: the virtual hardware of vSphere.', ...missing, ''];
    const files = [
      ...(missing.length === 0
        ? []
        : textEdit(image, modulesPath, `${withEnd(text)}${lines.join('\n')}`, {
            system,
            what: `name ${missing.join(', ')} as modules of every initramfs`,
            why: 'an initramfs without the driver of its disk controller finds no root; named here, kernels installed later have them too',
          })),
      ...(chosen === 'dep'
        ? textEdit(image, ownPath, ownText, {
            system,
            what: 'pack most modules, not only those of the present hardware',
            why: 'MODULES=dep asks the machine it runs on, which is the old one, or none at all while the guest is offline',
          })
        : []),
    ];
    return { edits: [...files, ...rebuilds(context, files)], findings: [] };
  },
});

function rebuilds({ image, target, planned }: PlanContext, own: readonly Edit[]): readonly Edit[] {
  const goesIn = [...planned, ...own].some(({ path }) => isPacked(path));
  return bootableKernels(image.kernels, target)
    .filter((kernel) => goesIn || driversNotPacked(kernel, driversToBoot(target)).length > 0)
    .map(({ version, initramfs }) => ({
      id: `initramfs:${version}`,
      what: `rebuild the initramfs of kernel ${version}`,
      why: 'what is named in files is in an initramfs only once that is built again',
      path: initramfs?.path ?? `/boot/initrd.img-${version}`,
      run: ['update-initramfs', initramfs === undefined ? '-c' : '-u', '-k', version],
    }));
}

/** Whether a file is copied into an initramfs, or decides what is. */
const isPacked = (path: string): boolean =>
  /^\/etc\/(initramfs-tools|modprobe\.d|lvm|mdadm|udev)\/|^\/etc\/systemd\/network\/[^/]+\.link$|^\/etc\/(crypttab|fstab)$/.test(
    path,
  );

/** What `MODULES` comes to: files in conf.d are read after initramfs.conf, in the order of their names. */
function chosenModules(files: GuestImage['files']): string {
  const read = Object.keys(files).filter((path) => path.startsWith('/etc/initramfs-tools/conf.d/'));
  const texts = ['/etc/initramfs-tools/initramfs.conf', ...read.toSorted()].map((path) => files[path] ?? '');
  return texts.reduce((chosen, text) => assigned(text, 'MODULES') ?? chosen, 'most');
}

const namesIn = (text: string): readonly string[] =>
  text.split('\n').flatMap((line) => {
    const [word = ''] = line.replace(/#.*/, '').trim().split(/\s+/);
    return word === '' ? [] : [word.replaceAll('-', '_')];
  });

const withEnd = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`);
