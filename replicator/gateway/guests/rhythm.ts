import { seconds, type Millis } from '#core/units';

/** How often sentinels are heard of, and after how much silence they are gone. */
export interface Rhythm {
  readonly heartbeat: Millis;
  readonly silence: Millis;
}

/** Four heartbeats in a row that did not arrive. */
export const rhythmDefault: Rhythm = { heartbeat: seconds(5), silence: seconds(20) };
