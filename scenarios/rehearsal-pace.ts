import { axesOf } from '#core/migration/abilities';
import type { MigrationState } from '#core/migration/evolve';
import { minutes, type Millis } from '#core/units';
import type { Estate } from '#simulator/estate/estate';

/** Whether a migration stands between two places at which it would stay until somebody asks for something. */
export function isMoving(state: MigrationState): boolean {
  const { lifecycle, outcome } = axesOf(state);
  if (outcome === 'undecidable') return false;
  if (lifecycle === 'testing.running' || lifecycle === 'cuttingOver.undecided') return false;
  return /^(verifying|testing|cuttingOver|rollingBack|finalizing|cancelling)/.test(lifecycle);
}

/**
 * How often a round says how far it is. A dozen VMs are watched by the minute; the log of a fleet is read by VMs and
 * rounds, and every fact costs as much as any other.
 */
export const progressEvery = ({ vms }: Estate): Millis => minutes(Math.max(1, Math.ceil(vms.length / 50)));
