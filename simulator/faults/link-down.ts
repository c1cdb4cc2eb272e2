import type { Fault, Outage } from './fault.ts';

/** A link carries nothing for a while. What was on it is disconnected, and so is what comes while it is down. */
export const linkDown = (outage: Outage): Fault => ({ outages: [outage], strike: () => undefined });
