import { failed, fixUpSystem, nothing } from '#replicator/fixup/system';

const esp = '/boot/efi';
const fallback = `${esp}/EFI/BOOT/BOOTX64.EFI`;

/**
 * The loader a UEFI firmware starts when it knows nothing: entries of the boot menu are in the memory of the old
 * machine's firmware and do not come along.
 */
export const uefiFallback = fixUpSystem<readonly string[]>('uefi', {
  collect: ({ firmware, present }) =>
    firmware === 'uefi' ? present.filter((path) => path.startsWith(`${esp}/EFI/`)) : undefined,
  render: (loaders) => {
    if (loaders.some((path) => path.toLowerCase() === fallback.toLowerCase())) return nothing;
    const vendors = loaders.filter((path) => !/\/EFI\/boot\//i.test(path));
    const first = pick(vendors, /\/shimx64\.efi$/i) ?? pick(vendors, /\/(grubx64|systemd-bootx64)\.efi$/i);
    if (first === undefined)
      return {
        edits: [],
        findings: [
          failed(
            'uefi:fallback',
            'the EFI partition has no loader that is known',
            'install GRUB or systemd-boot in the source',
          ),
        ],
      };
    const folder = first.replace(/\/[^/]+$/, '');
    // shim starts what is beside it, so its companions go with it.
    const companions = vendors.filter(
      (path) => path.startsWith(`${folder}/`) && /\/(grub|mm)x64\.efi$/i.test(path) && path !== first,
    );
    const copies = [
      [first, fallback] as const,
      ...companions.map((path) => [path, `${esp}/EFI/BOOT/${path.split('/').at(-1) ?? ''}`] as const),
    ];
    return {
      edits: copies.map(([from, path]) => ({
        id: `uefi:${path}`,
        what: `copy ${from} to where firmware looks by itself`,
        why: 'the boot entries are in the memory of the old firmware and do not come along',
        path,
        run: ['cp', from, path],
      })),
      findings: [],
    };
  },
});

const pick = (paths: readonly string[], pattern: RegExp): string | undefined =>
  paths.find((path) => pattern.test(path));
