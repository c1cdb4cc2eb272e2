import type { Instant } from '#core/units';

type Nothing = Record<never, never>;

/** Work a wave wants done. All of it may be begun again: what to do follows from where the members stand. */
export type WaveEffect =
  /** Brings members to parked, within the limits, until the window opens. */
  | Readonly<{ type: 'prepareMembers'; params: Nothing }>
  /** Starts cutovers in order and within the limits, and goes on preparing, until the window closes. */
  | Readonly<{ type: 'cutOverMembers'; params: Nothing }>
  /** Brings every member that is cutting over to an end: finished, or back in replication. */
  | Readonly<{ type: 'recoverMembers'; params: Nothing }>
  | Readonly<{ type: 'armDeadline'; params: { deadline: 'windowOpens' | 'windowCloses'; at: Instant } }>;

/** The name of a wave effect. */
export type WaveEffectType = WaveEffect['type'];
