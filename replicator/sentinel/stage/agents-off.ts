import type { Check } from '#core/migration/facts';
import { seconds } from '#core/units';
import type { GuestControl } from '#replicator/sentinel/guest-system';
import { isThere, knownOldAgents, readOldAgents } from '#replicator/sentinel/inventory/old-agents';
import { readInitSystem, readServices } from '#replicator/sentinel/inventory/services';

const limit = seconds(60);
const installLimit = seconds(300);

/** Where fix-up may stage packages of open-vm-tools, for guests that reach no repository. */
export const packagesPath = '/var/lib/sealift/packages';

/** Turns off the agents of the old hypervisor; their packages stay, and so does the way back. May be repeated. */
export async function oldAgentsOff(system: GuestControl): Promise<readonly Check[]> {
  const init = await readInitSystem(system);
  const { services } = await readServices(system, init);
  const found = await readOldAgents(system, services);
  const listed = await system.run('systemctl', ['list-unit-files', '--no-legend', '--no-pager'], { timeout: limit });
  const units = new Set(listed.stdout.split('\n').flatMap((line) => /^(\S+)\.service\s/.exec(line)?.[1] ?? []));
  const checks: Check[] = [];
  for (const name of found) {
    const known = knownOldAgents.find((agent) => agent.name === name);
    const trouble: string[] = [];
    for (const service of known?.services ?? []) {
      if (init === 'systemd' && !units.has(service)) continue;
      if (init !== 'systemd' && !(await isThere(system, `/etc/init.d/${service}`))) continue;
      const why = await turnOff(system, init === 'systemd', service);
      if (why !== undefined) trouble.push(why);
    }
    checks.push(
      trouble.length === 0
        ? { id: `old-agent-off:${name}`, verdict: 'passed', message: `${name} is turned off`, remedy: '' }
        : {
            ...{ id: `old-agent-off:${name}`, verdict: 'warning', message: trouble.join('; ') },
            remedy: 'remove its package by hand',
          },
    );
  }
  return checks;
}

async function turnOff(system: GuestControl, systemd: boolean, service: string): Promise<string | undefined> {
  if (systemd) {
    // Masked, not only disabled: some are started by a device that udev finds, and asked nobody.
    const masked = await system.run('systemctl', ['mask', '--now', `${service}.service`], { timeout: limit });
    return masked.status === 0 ? undefined : masked.stderr.trim();
  }
  await system.run('service', [service, 'stop'], { timeout: limit });
  for (const [program, ...args] of [
    ['rc-update', 'delete', service, 'default'],
    ['update-rc.d', service, 'disable'],
    ['chkconfig', service, 'off'],
  ] as const) {
    const done = await system.run(program, args, { timeout: limit });
    if (done.status === 0) return undefined;
  }
  return `${service} could not be kept from starting at boot`;
}

/** Installs open-vm-tools where its packages were staged, and has it start at boot. Nothing where they were not. */
export async function markTools(system: GuestControl): Promise<readonly Check[]> {
  const packages = (await system.list(packagesPath)).filter((name) => /\.(?:deb|rpm)$/.test(name));
  const installed = (await isThere(system, '/usr/bin/vmtoolsd')) || (await isThere(system, '/usr/sbin/vmtoolsd'));
  if (packages.length === 0 && !installed) return [];
  const warning = (message: string): Check => ({
    ...{ id: 'open-vm-tools', verdict: 'warning', message },
    remedy: "install open-vm-tools from the distribution's repository",
  });
  if (!installed) {
    const paths = packages.map((name) => `${packagesPath}/${name}`);
    const [program, args] = packages.every((name) => name.endsWith('.deb'))
      ? (['dpkg', ['-i', ...paths]] as const)
      : (['rpm', ['-U', '--replacepkgs', ...paths]] as const);
    const done = await system.run(program, args, { timeout: installLimit });
    if (done.status !== 0) return [warning(`its packages did not install: ${done.stderr.trim().slice(-300)}`)];
  }
  for (const unit of ['open-vm-tools.service', 'vmtoolsd.service']) {
    const enabled = await system.run('systemctl', ['enable', '--now', unit], { timeout: limit });
    if (enabled.status === 0)
      return [{ id: 'open-vm-tools', verdict: 'passed', message: `${unit} is turned on`, remedy: '' }];
  }
  return [warning('it is installed, and its service could not be turned on')];
}
