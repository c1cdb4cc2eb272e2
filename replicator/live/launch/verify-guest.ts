import type { Check, GuestShape } from '#core/migration/facts';
import { describeGuestAgentError, type GuestInventory } from '#core/ports/guest-agent';
import { readinessOf } from '#replicator/sentinel/inventory/readiness';
import { came, type Perform } from '#replicator/live/parts';
import { withoutSecrets } from '#replicator/live/secrets';
import { verifySource } from '#replicator/live/verification';
import type { LaunchSite } from './launch-site.ts';

/** What is verified of any source, and what its guest says of itself: whether it can be moved, and what its target must be like. */
export const verifyGuest =
  ({ agent }: LaunchSite): Perform<'verifySource'> =>
  async (parts, order) => {
    const outcome = await verifySource(parts, order);
    const inside = await agent.inspect();
    const [fact] = outcome.type === 'facts' ? outcome.facts : [];
    if (fact?.type !== 'VerificationPassed' && fact?.type !== 'VerificationFailed') return outcome;
    const checks: readonly Check[] = [
      ...fact.data.checks,
      ...(inside.ok ? readinessOf(inside.value) : [silent(inside.error)]),
    ];
    const passes = checks.every(({ verdict }) => verdict !== 'failed');
    if (inside.ok) order.report({ type: 'GuestInspected', data: shapeOf(inside.value) });
    return came({ type: passes ? 'VerificationPassed' : 'VerificationFailed', data: { checks } });
  };

const silent = (error: Parameters<typeof describeGuestAgentError>[0]): Check => ({
  id: 'sentinel-answers',
  verdict: 'failed',
  message: withoutSecrets(describeGuestAgentError(error)),
  remedy: 'install the sentinel in the guest with a bundle of this gateway, then verify again',
});

/** What a target depends on of a guest. */
function shapeOf({ hostname, os, firmware, memory, processors, nics, services }: GuestInventory): GuestShape {
  return {
    ...{ hostname, system: os.name, firmware, memory, processors },
    nics: nics
      .filter(({ mac, driver }) => mac !== '' && driver !== '')
      .map(({ name, mac, addresses }) => ({ name, mac, addresses })),
    services: services.filter(({ state }) => state === 'running').map(({ name }) => name),
  };
}
