import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { locate, packageOf } from './programs.ts';

/** Whether this is a machine made for this run: CI says so, and only root on Debian can install. */
export const mayInstall = (environment: NodeJS.ProcessEnv): boolean =>
  environment['CI'] === 'true' && process.getuid?.() === 0 && existsSync('/etc/debian_version');

/** Installs the Debian packages of every program a test may ask for and that is not there. Throws when apt-get fails. */
export function installPrograms(): void {
  const missing = Object.entries(packageOf).filter(([program]) => locate(program) === undefined);
  const packages = [...new Set(missing.map(([, name]) => name))].toSorted();
  if (packages.length === 0) return;
  apt('update');
  apt('install', '--yes', '--no-install-recommends', ...packages);
}

function apt(...args: readonly string[]): void {
  execFileSync('apt-get', ['--quiet', '-o', 'Acquire::Retries=3', ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}
