import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { err, ok, type Result } from '#core/result';
import type { LaboratoryError } from './laboratory.ts';

/** The programs the laboratory starts, and the Debian package that brings each. */
export const laboratoryPackages = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
  busybox: 'busybox-static',
  mke2fs: 'e2fsprogs',
} as const satisfies Record<string, string>;

/** A program the laboratory needs. */
export type LaboratoryProgram = keyof typeof laboratoryPackages;

// Debian keeps mke2fs where an ordinary user's PATH does not look.
const folders = (): readonly string[] => [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];

/** The path of a program, or the one command that installs it together with everything else the laboratory needs. */
export function findProgram(program: LaboratoryProgram): Result<string, LaboratoryError> {
  const path = locateProgram(program);
  return path === undefined ? err({ type: 'ProgramMissing', program, remedy: installPackages }) : ok(path);
}

/** The path of any program in the usual places, or undefined. */
export const locateProgram = (program: string): string | undefined =>
  folders()
    .map((folder) => join(folder, program))
    .find(isExecutable);

/** Installs every program the laboratory needs. The kernel is fetched, not installed: see `kernel.ts`. */
export const installPackages = `sudo apt-get install --yes --no-install-recommends ${Object.values(laboratoryPackages).join(' ')}`;

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // Not there or not ours to run: looked for in the next folder.
  }
}
