/**
 * Operating systems of simulated guests, and how long they take to stop, to be changed and to start. All durations are
 * in seconds, from and to.
 *
 * @differs The durations are assumed from experience with such guests; no measurement stands behind them.
 */
export const guests = {
  'debian-12': { family: 'linux', stop: [4, 20], fixUp: [15, 40], boot: [12, 30] },
  'ubuntu-22.04': { family: 'linux', stop: [5, 25], fixUp: [15, 45], boot: [15, 40] },
  'rhel-9': { family: 'linux', stop: [5, 30], fixUp: [20, 60], boot: [18, 45] },
  'sles-15': { family: 'linux', stop: [5, 30], fixUp: [20, 60], boot: [18, 45] },
  'windows-2016': { family: 'windows', stop: [20, 120], fixUp: [60, 180], boot: [60, 180] },
  'windows-2019': { family: 'windows', stop: [15, 100], fixUp: [50, 150], boot: [45, 150] },
  'windows-2022': { family: 'windows', stop: [15, 90], fixUp: [45, 150], boot: [40, 120] },
} as const satisfies Record<string, GuestProfile>;

/** How one operating system behaves when it is stopped, changed and started. */
export interface GuestProfile extends GuestDurations {
  readonly family: 'linux' | 'windows';
}

/** How long one operating system takes to be stopped, changed and started. */
export interface GuestDurations {
  readonly stop: Span;
  readonly fixUp: Span;
  readonly boot: Span;
}

/** Seconds from and to, both included. */
export type Span = readonly [from: number, to: number];
/** The name of an operating system that can be simulated. */
export type GuestName = keyof typeof guests;
/** Every operating system that can be simulated. */
export const guestNames = Object.keys(guests) as readonly GuestName[];
