import { readFile } from 'node:fs/promises';
import { cpioArchive, type ArchiveEntry } from './cpio.ts';
import { guestInit, planFile, type GuestPlan } from './guest-init.ts';
import type { Kernel } from './kernel.ts';
import { modulesFor } from './kernel-modules.ts';
import { noise } from './noise.ts';

// What the guest needs to reach its disks and read its file systems. Kernels differ in what of it is built in; ext4
// asks for its checksum by a way that no list of dependencies shows.
const modules = { useful: ['crc32c_generic'], wanted: ['virtio_pci', 'virtio_blk', 'ext4'] };

/** The guest's whole software: busybox, the script it runs, and the kernel modules it loads. */
export async function guestInitramfs(kernel: Kernel, busybox: string, plan: GuestPlan): Promise<Uint8Array> {
  const loaded = await modulesFor(kernel.modules, modules);
  const entries: readonly ArchiveEntry[] = [
    ...['bin', 'dev', 'mnt', 'modules', 'proc'].map((path) => ({ type: 'directory', path }) as const),
    { type: 'file', path: 'bin/busybox', content: await readFile(busybox), executable: true },
    { type: 'file', path: 'init', content: Buffer.from(guestInit), executable: true },
    { type: 'file', path: 'plan', content: Buffer.from(planFile(plan)) },
    { type: 'file', path: 'noise', content: noise(plan.seed, 'guest', plan.noiseBytes) },
    ...loaded.map(({ name, content }, index): ArchiveEntry => {
      const order = String(index).padStart(2, '0'); // The script loads them in the order of their names.
      return { type: 'file', path: `modules/${order}-${name}.ko`, content };
    }),
  ];
  return cpioArchive(entries);
}
