import type { EventLog } from '#core/event-log/event-log';
import { invariant } from '#core/invariant';
import { after, hours, type Instant } from '#core/units';
import { registryOf } from '#replicator/gateway/guests/registry';
import { fingerprintOf } from '#replicator/sentinel/identity/proof';
import type { BlockVm } from '#simulator/block/spec';
import { guestsAddress, worldGateway } from './appliances.ts';
import { viaOf } from './block-vm.ts';
import { sentinelFolder, sentinelOf } from './sentinels.ts';

/* Bundles are made and installed before a world begins: by an operator, of whom nothing else is simulated. */

/** A VM as those know it who install a sentinel in it. */
type Invited = Pick<BlockVm, 'name' | 'via' | 'handOver'>;

const tokenOf = ({ name }: Pick<BlockVm, 'name'>): string => `token of ${name}`;

/** What the bundle of a VM's sentinel has put on its boot disk, by path: nothing, if it is moved from outside. */
export function bundleOf(vm: Invited): Readonly<Record<string, string>> {
  if (viaOf(vm) !== 'sentinel') return {};
  const { ca, pin } = worldGateway;
  return {
    [`${sentinelFolder}/sentinel.json`]: JSON.stringify({
      gateway: guestsAddress,
      sentinel: sentinelOf(vm),
      pins: [pin],
    }),
    [`${sentinelFolder}/ca-cert.pem`]: ca,
    [`${sentinelFolder}/token`]: tokenOf(vm),
  };
}

/** Notes in the log of a gateway that its bundles were made. */
export async function inviteAll(
  log: EventLog,
  { vms }: { readonly vms: readonly Invited[] },
  now: Instant,
): Promise<void> {
  let facts = 0;
  const clock = { now: () => now, wait: () => new Promise<void>(() => undefined) };
  const registry = await registryOf(log, {
    ...{ clock, logName: 'the log of sentinels', onEffect: () => undefined },
    newFactId: () => `00000000-0000-4000-8000-${String((facts += 1)).padStart(12, '0')}`,
  });
  invariant(registry.ok, 'a log without facts is one of sentinels');
  for (const vm of vms) {
    if (viaOf(vm) !== 'sentinel') continue;
    const tokenValidUntil = after(now, hours(24));
    const data = {
      os: 'linux',
      standalone: false,
      tokenHash: fingerprintOf(tokenOf(vm)),
      tokenValidUntil,
      by: 'ada',
    } as const;
    const made = await registry.value.command(sentinelOf(vm), { type: 'MakeBundle', data }, 'operator:ada');
    invariant(made.ok, 'nobody was invited before');
  }
}
