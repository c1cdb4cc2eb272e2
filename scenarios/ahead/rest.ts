import { axesOf } from '#core/migration/abilities';
import type { MigrationState } from '#core/migration/evolve';

/**
 * Where a migration stays until somebody asks for something. `moved`: its target owns the data. `stays`: it was given up,
 * given back, or left behind by its wave; the source runs. `asks`: a person has to decide or to remove a cause.
 */
export type Rest = 'moved' | 'stays' | 'asks';

/** Who looks after a migration, as far as that decides whether it will move by itself. */
export interface Care {
  /** Whether somebody takes it further once it is protected: a wave that may still start its cutover, or whoever runs it. */
  readonly isLedOn: boolean;
  /** Whether a cutover that was rolled back is tried again by whoever runs it. */
  readonly triesAgain: boolean;
}

/** Whether a migration rests, and how; undefined while it is on its way. */
export function restOf(state: MigrationState, { isLedOn, triesAgain }: Care): Rest | undefined {
  const { lifecycle, replication, outcome } = axesOf(state);
  if (outcome === 'undecidable') return 'asks';
  const [phase] = lifecycle.split('.');
  switch (phase) {
    case 'cutOver':
    case 'finalizing':
    case 'finalized':
      return 'moved';
    case 'cancelled':
      return 'stays';
    case 'blocked':
    case 'failed':
      return 'asks';
    case 'rolledBack':
      return triesAgain ? undefined : 'stays';
    case 'cuttingOver':
      if (lifecycle === 'cuttingOver.undecided') return 'asks';
      return replication === 'stalled.blocked' ? 'asks' : undefined;
    case 'draft':
    case 'ready':
      return isLedOn ? undefined : 'stays';
    case 'protected':
      if (!isLedOn) return 'stays';
      return replication === 'stalled.blocked' ? 'asks' : undefined;
    default:
      return undefined;
  }
}
