import type { MigrationId } from '#core/ids';
import type { Instant, Millis } from '#core/units';

type Nothing = Record<never, never>;

/** Work a wave wants done. All of it may be begun again: what to do follows from where the members stand. */
export type WaveEffect =
  /** Brings members to parked, within the limits, until the window opens. */
  | Readonly<{ type: 'prepareMembers'; params: Nothing }>
  /** Starts cutovers in order and within the limits, and goes on preparing, until the window closes. */
  | Readonly<{ type: 'cutOverMembers'; params: Nothing }>
  /** Brings every member that is cutting over to an end: finished, or back in replication. */
  | Readonly<{ type: 'recoverMembers'; params: Nothing }>
  | Readonly<{ type: 'armDeadline'; params: { deadline: WaveDeadline; at: Instant } }>
  /** Waits until a member that was rolled back may be tried again. */
  | Readonly<{ type: 'armRetry'; params: { migration: MigrationId; cutovers: number; wait: Millis } }>;

/** The moments of a window that a wave waits for. `lastStart`: from then on some may not begin any more. */
export type WaveDeadline = 'windowOpens' | 'windowCloses' | 'lastStart';

/** The name of a wave effect. */
export type WaveEffectType = WaveEffect['type'];
