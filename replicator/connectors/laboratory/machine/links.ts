import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LinkState } from '#core/ports/target-platform';
import { err, ok, type Result } from '#core/result';
import type { QmpClient } from '#replicator/qmp/client';
import type { QmpError } from '#replicator/qmp/error';
import { withMonitor, type VmFolder } from './kept-vm.ts';

/**
 * The NICs' cables. Each NIC hangs on a hub of its own (`port<n>`), and what else is on the hub decides: nothing
 * (disconnected, link down), a user network that reaches nobody (isolated), or one that reaches the host as 10.0.2.2 and
 * what the host reaches (connected). Both give the guest the same address by DHCP.
 */
export const nicArguments = (nic: number, device: string): readonly string[] => [
  ...['-netdev', `hubport,id=port${nic},hubid=${nic}`],
  ...['-device', `${device},id=nic${nic},netdev=port${nic}`],
];

/** Puts all NICs of a VM in one state. May be repeated, and ends the same from any state in between. */
export async function plug(folder: VmFolder, nics: number, state: LinkState): Promise<Result<void, QmpError>> {
  return await withMonitor(folder, async (monitor) => {
    for (let nic = 0; nic < nics; nic += 1) {
      const done = await plugOne(monitor, nic, state);
      if (!done.ok) return done;
    }
    return ok(undefined);
  });
}

async function plugOne(monitor: QmpClient, nic: number, state: LinkState): Promise<Result<void, QmpError>> {
  const steps: readonly (readonly [string, Record<string, string | number | boolean>])[] = [
    ['set_link', { name: `nic${nic}`, up: false }],
    ['netdev_del', { id: `uplink${nic}` }],
    ['netdev_del', { id: `user${nic}` }],
    ...(state === 'disconnected'
      ? []
      : [
          ['netdev_add', { type: 'user', id: `user${nic}`, restrict: state === 'isolated', ipv6: false }] as const,
          ['netdev_add', { type: 'hubport', id: `uplink${nic}`, hubid: nic, netdev: `user${nic}` }] as const,
          ['set_link', { name: `nic${nic}`, up: true }] as const,
        ]),
  ];
  for (const [command, args] of steps) {
    const done = await monitor.execute(command, args);
    // What is taken away may not have been there: then it is away.
    if (!done.ok && !(command === 'netdev_del' && done.error.type === 'CommandFailed')) return err(done.error);
  }
  return ok(undefined);
}

const more: Readonly<Record<LinkState, number>> = { disconnected: 0, isolated: 1, connected: 2 };
const path = (directory: string): string => join(directory, 'links');

/** What the NICs were last put to, or undefined. Never less than what they are: see `plugAndRemember`. */
export async function rememberedLinks(directory: string): Promise<LinkState | undefined> {
  const text = await readFile(path(directory), 'utf8').catch(() => '');
  return Object.keys(more).find((state): state is LinkState => state === text);
}

/** Writes down what the NICs are put to, whole or not at all. */
export async function rememberLinks(directory: string, state: LinkState): Promise<void> {
  await writeFile(`${path(directory)}.new`, state);
  await rename(`${path(directory)}.new`, path(directory));
}

/**
 * Plugs, and keeps the state so that whoever dies in between leaves no VM that is more connected than is written down:
 * noted first when it becomes more, after when it becomes less.
 */
export async function plugAndRemember(
  directory: string,
  { folder, nics, state }: { readonly folder: VmFolder; readonly nics: number; readonly state: LinkState },
): Promise<Result<void, QmpError>> {
  const before = await rememberedLinks(directory);
  if (before === undefined || more[before] < more[state]) await rememberLinks(directory, state);
  const plugged = await plug(folder, nics, state);
  if (plugged.ok) await rememberLinks(directory, state);
  return plugged;
}
