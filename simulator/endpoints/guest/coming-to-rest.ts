import { millis, type Millis } from '#core/units';
import type { InstalledService } from './installed-system.ts';

/** What was done to bring a guest to rest. */
export interface Rest {
  readonly stopped: readonly { readonly unit: string; readonly took: Millis; readonly outcome: 'stopped' | 'killed' }[];
  readonly fileSystems: readonly { readonly mountpoint: string; readonly how: 'remounted' }[];
  readonly took: Millis;
}

/**
 * Stops a service, or kills it where there is no time left: what it had in memory is lost then.
 * @source systemd.kill(5), systemd 252: SIGTERM, then SIGKILL once TimeoutStopSec is over.
 */
export const stopService = (
  { stopMs }: InstalledService,
  left: Millis,
): { readonly took: Millis; readonly outcome: 'stopped' | 'killed' } =>
  stopMs <= left ? { took: millis(stopMs), outcome: 'stopped' } : { took: left, outcome: 'killed' };
