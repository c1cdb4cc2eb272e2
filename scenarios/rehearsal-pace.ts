import { axesOf } from '#core/migration/abilities';
import type { MigrationState } from '#core/migration/evolve';
import { minutes, type Millis } from '#core/units';
import type { Estate } from '#simulator/estate/estate';

// By set of active states, of which the chart has a few hundred: asked after every fact.
const moving: (boolean | undefined)[] = [];

/** Whether a migration stands between two places at which it would stay until somebody asks for something. */
export function isMoving(state: MigrationState): boolean {
  return (moving[state.snapshot.configuration] ??= isBetweenRests(state));
}

function isBetweenRests(state: MigrationState): boolean {
  const { lifecycle, outcome } = axesOf(state);
  if (outcome === 'undecidable') return false;
  if (lifecycle === 'testing.running' || lifecycle === 'cuttingOver.undecided') return false;
  return /^(verifying|testing|cuttingOver|rollingBack|finalizing|cancelling)/.test(lifecycle);
}

/**
 * How often a round says how far it is. A dozen VMs are watched by the minute. The log of a fleet is read by VMs and
 * rounds, and every fact costs as much as any other: five hundred VMs say so every half hour, so that a delta round mostly
 * says what it came to and nothing before.
 */
export const progressEvery = ({ vms }: Estate): Millis =>
  minutes(Math.min(progressLast, Math.max(1, Math.ceil(vms.length / 16))));
// The largest fleet there is runs for days: a few times a day it is said how far a long round is.
const progressLast = 240;
