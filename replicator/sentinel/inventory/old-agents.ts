import type { GuestSystem } from '#replicator/sentinel/guest-system';
import type { ServiceFound } from './services.ts';

/** An agent of a hypervisor that has no use at the target, and how it is known. */
export interface OldAgent {
  readonly name: string;
  /** Its services, by the names that distributions give them, without a suffix. */
  readonly services: readonly string[];
  /** Files that are there when it is installed. */
  readonly files: readonly string[];
}

/** Of KVM, Hyper-V, Azure, AHV, Xen, VirtualBox and Parallels. */
export const knownOldAgents: readonly OldAgent[] = [
  {
    name: 'qemu-guest-agent',
    services: ['qemu-guest-agent', 'qemu-ga'],
    files: ['/usr/sbin/qemu-ga', '/usr/bin/qemu-ga'],
  },
  {
    name: 'spice-vdagent',
    services: ['spice-vdagentd', 'spice-vdagent'],
    files: ['/usr/sbin/spice-vdagentd', '/usr/bin/spice-vdagent'],
  },
  {
    name: 'hyperv-daemons',
    services: [
      ...['hypervkvpd', 'hypervvssd', 'hypervfcopyd'],
      ...['hv-kvp-daemon', 'hv-vss-daemon', 'hv-fcopy-daemon'],
      ...['hv_kvp_daemon', 'hv_vss_daemon', 'hv_fcopy_daemon'],
    ],
    files: ['/usr/sbin/hypervkvpd', '/usr/sbin/hv_kvp_daemon'],
  },
  { name: 'azure-agent', services: ['walinuxagent', 'waagent'], files: ['/usr/sbin/waagent', '/usr/bin/waagent'] },
  {
    name: 'nutanix-guest-tools',
    services: ['ngt_guest_agent', 'ngt_self_service_restore'],
    files: ['/usr/local/nutanix/ngt/python/bin/python', '/usr/local/nutanix/ngt/ngt_config.json'],
  },
  { name: 'xe-guest-utilities', services: ['xe-linux-distribution', 'xe-daemon'], files: ['/usr/sbin/xe-daemon'] },
  {
    name: 'virtualbox-guest-additions',
    services: ['vboxadd', 'vboxadd-service', 'vboxservice', 'virtualbox-guest-utils'],
    files: ['/usr/sbin/VBoxService'],
  },
  { name: 'parallels-tools', services: ['prltoolsd'], files: ['/usr/bin/prltoolsd'] },
];

/** Names of the old agents that are installed or running. */
export async function readOldAgents(
  system: GuestSystem,
  services: readonly ServiceFound[],
): Promise<readonly string[]> {
  const running = new Set(services.map(({ name }) => name.replace(/\.service$/, '')));
  const found: string[] = [];
  for (const agent of knownOldAgents) {
    const installed = await Promise.all(agent.files.map((file) => isThere(system, file)));
    if (agent.services.some((name) => running.has(name)) || installed.includes(true)) found.push(agent.name);
  }
  return found;
}

/** Whether a path is there, without reading it: it may be a program of many megabytes. */
export async function isThere(system: GuestSystem, path: string): Promise<boolean> {
  const at = path.lastIndexOf('/');
  return (await system.list(path.slice(0, at) || '/')).includes(path.slice(at + 1));
}
