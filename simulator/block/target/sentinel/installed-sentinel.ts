import type { RunningGuest } from '#simulator/endpoints/guest/running-guest';

/** Where the unit of a sentinel is in a guest. Without it nobody in there is a sentinel. */
export const sentinelUnit = '/etc/systemd/system/sealift-sentinel.service';

/** Whether there is a sentinel in a guest that is up. */
export const hasSentinel = (guest: RunningGuest): boolean =>
  guest.phase() === 'up' && (guest.installed()?.present.includes(sentinelUnit) ?? false);
