import type { GuestSystem } from '#replicator/sentinel/guest-system';
import { isThere } from './old-agents.ts';

/** A kernel that is installed, and which drivers it has for virtual hardware, built in or as modules. */
export interface KernelFound {
  readonly version: string;
  /** Whether there is an image of it in `/boot`; modules alone boot nothing. */
  readonly image: boolean;
  readonly drivers: readonly string[];
}

/** Drivers for the virtual hardware of vSphere: disk controllers, then network cards. */
export const targetDrivers = {
  storage: ['vmw_pvscsi', 'mptsas', 'mpt3sas'],
  network: ['vmxnet3', 'e1000e'],
} as const;

/** `uefi` if the firmware left its tables, as it does only if the kernel was started through it. */
export const readFirmware = async (system: GuestSystem): Promise<'bios' | 'uefi'> =>
  (await isThere(system, '/sys/firmware/efi')) ? 'uefi' : 'bios';

// In order: a system that was upgraded has the files of the old boot loader beside those of the new one.
const bootLoaders: readonly (readonly [name: string, files: readonly string[]])[] = [
  ['systemd-boot', ['/boot/loader/loader.conf', '/boot/efi/loader/loader.conf', '/efi/loader/loader.conf']],
  ['grub2', ['/boot/grub/grub.cfg', '/boot/grub2/grub.cfg']],
  ['extlinux', ['/boot/extlinux/extlinux.conf', '/boot/syslinux/syslinux.cfg']],
  ['grub-legacy', ['/boot/grub/menu.lst', '/boot/grub/grub.conf']],
  ['lilo', ['/etc/lilo.conf', '/etc/elilo.conf']],
  ['zipl', ['/etc/zipl.conf']],
];

/** The name of the boot loader whose files are there; `unknown` if none is. */
export async function readBootLoader(system: GuestSystem): Promise<string> {
  for (const [name, files] of bootLoaders) {
    const there = await Promise.all(files.map((file) => isThere(system, file)));
    if (there.includes(true)) return name;
  }
  return 'unknown';
}

/** Kernels with modules, in the order of their names. */
export async function readKernels(system: GuestSystem): Promise<readonly KernelFound[]> {
  const versions = await system.list('/lib/modules');
  const images = new Set(await system.list('/boot'));
  const kernels = await Promise.all(
    versions.map(async (version) => {
      const listed = await system.read(`/lib/modules/${version}/modules.dep`);
      if (listed === undefined) return undefined;
      const builtIn = (await system.read(`/lib/modules/${version}/modules.builtin`)) ?? '';
      const modules = parseModuleNames(`${listed}\n${builtIn}`);
      const drivers = [...targetDrivers.storage, ...targetDrivers.network].filter((driver) => modules.has(driver));
      return { version, image: images.has(`vmlinuz-${version}`) || images.has(`vmlinux-${version}`), drivers };
    }),
  );
  return kernels.filter((kernel) => kernel !== undefined);
}

/** Names of modules in `modules.dep` or `modules.builtin`, as the kernel writes them: dashes are underscores. */
export const parseModuleNames = (text: string): ReadonlySet<string> =>
  new Set(
    text.split('\n').flatMap((line) => {
      const name = /([^/:]+)\.ko(?:\.(?:xz|gz|zst))?(?::|$)/.exec(line.trim())?.[1];
      return name === undefined ? [] : [name.replaceAll('-', '_')];
    }),
  );
