import type { WindowsGuest } from '#core/ports/windows-guest';
import { fixUpSystem, nothing, together, warning } from '#replicator/fixup/system';
import { startOf } from './boot-drivers.ts';
import { crashKey } from './first-boot.ts';
import { dword, inSet, keyWith, lookupIn, numberIn, registryEdit } from './registry.ts';

const onlineAll = 1;

/** Where Windows keeps what becomes of disks it sees for the first time. */
export const diskPolicyKey = (set: string): string => inSet(set, 'Services\\partmgr\\Parameters');

/** The service of a failover cluster. */
export const clusterKey = (set: string): string => inSet(set, 'Services\\ClusSvc');

/** SAN policy: on a new controller every disk is a new one, and servers leave those offline. */
export const sanPolicy = fixUpSystem<WindowsGuest>('san-policy', {
  collect: ({ windows }) => windows,
  render: (windows) => {
    const look = lookupIn(windows);
    const inCluster = windows.controlSets.some((set) => {
      const start = numberIn(look, clusterKey(set), 'Start');
      return start !== undefined && start !== startOf.never;
    });
    if (inCluster)
      return {
        edits: [],
        findings: [
          warning(
            'san-policy:cluster',
            'this Windows is in a failover cluster: its SAN policy is left as it is, since two nodes that bring a shared disk online damage it',
            'bring disks that are not shared online by hand after the test launch',
          ),
        ],
      };
    return together(
      windows.controlSets.map((set) => ({
        edits: registryEdit(
          windows,
          {
            id: `san-policy:${set}`,
            what: 'bring all disks online (SAN policy OnlineAll)',
            why: 'on a new controller every disk is one that Windows sees for the first time, and servers leave those offline',
          },
          [keyWith(inSet(set, 'Services\\partmgr')), keyWith(diskPolicyKey(set), { SanPolicy: dword(onlineAll) })],
        ),
        findings: [],
      })),
    );
  },
});

/** A stop error stays on the console at the first boot. */
export const stopErrors = fixUpSystem<WindowsGuest>('stop-error', {
  collect: ({ windows }) => windows,
  render: (windows) =>
    together(
      windows.controlSets.map((set) => ({
        edits: registryEdit(
          windows,
          {
            id: `stop-error:${set}`,
            what: 'leave a stop error on the console at the first boot',
            why: 'a Windows that restarts at once says nobody why it stopped; the script of the first boot puts it back',
          },
          [keyWith(crashKey(set), { AutoReboot: dword(0) })],
        ),
        findings: [],
      })),
    ),
});

const agentService =
  /^(qemu-ga|qemu guest agent vss provider|spice-agent|vdservice|balloonservice|xenservice|xensvc|nutanix .*|vboxservice)$/i;

/** Names of services that are agents of the hypervisor a guest comes from. Those of Hyper-V are part of Windows and rest. */
export const agentServices = (names: readonly string[]): readonly string[] =>
  names.filter((name) => agentService.test(name)).toSorted();

/** Agents of the hypervisor the guest comes from: kept from starting, not removed. */
export const oldAgents = fixUpSystem<WindowsGuest>('old-agent', {
  collect: ({ windows }) => windows,
  render: (windows, { image }) => {
    if (image.oldAgents.length === 0) return nothing;
    const look = lookupIn(windows);
    return together(
      windows.controlSets.flatMap((set) =>
        image.oldAgents
          .filter((name) => look(inSet(set, `Services\\${name}`)) !== null)
          .map((name) => ({
            edits: registryEdit(
              windows,
              {
                id: `old-agent:${name}:${set}`,
                what: `keep ${name}, an agent of the old hypervisor, from starting`,
                why: 'what it talks to is not there: it would wait, fail or fill the log',
              },
              [keyWith(inSet(set, `Services\\${name}`), { Start: dword(startOf.never) })],
            ),
            findings: [],
          })),
      ),
    );
  },
});
