import type { MigrationTag } from './chart.ts';
import type { MigrationState } from './evolve.ts';

/** A state as text: `cuttingOver.finalSync`. */
export const stateName = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : Object.entries(value as Record<string, unknown>)
        .map(([parent, child]) => `${parent}.${stateName(child)}`)
        .join(' ');

/** Where a migration stands on each axis, as text. */
export interface Axes {
  readonly lifecycle: string;
  readonly replication: string;
  readonly outcome: string;
}

// By set of active states, of which the chart has a few hundred.
const axes: (Axes | undefined)[] = [];

/** Both axes of a migration, and what is certain of the world. The same object wherever the active states are the same. */
export function axesOf({ snapshot }: MigrationState): Axes {
  const known = axes[snapshot.configuration];
  if (known) return known;
  const { lifecycle, replication, outcome } = snapshot.value;
  const made = { lifecycle: stateName(lifecycle), replication: stateName(replication), outcome: stateName(outcome) };
  axes[snapshot.configuration] = made;
  return made;
}

const movedLifecycles: ReadonlySet<string> = new Set([
  'cutOver',
  'finalized',
  'finalizing.retiring',
  'finalizing.waiting',
]);

/** Whether the target of a migration whose lifecycle that is owns the data. */
export const hasMoved = (lifecycle: string): boolean => movedLifecycles.has(lifecycle);

const has = (state: MigrationState, tag: MigrationTag): boolean => state.snapshot.hasTag(tag);

/** Whether services at the source are stopped, or may be. */
export const sourceIsDown = (state: MigrationState): boolean => has(state, 'sourceDown');
/** Whether the source is taken: from when a cutover stops it until it is given back, or for ever. Only a rollback starts it. */
export const sourceIsTaken = (state: MigrationState): boolean =>
  sourceIsDown(state) || has(state, 'targetMayHaveWrites');
/** Whether the target may hold writes that the source does not have. */
export const targetMayHaveWrites = (state: MigrationState): boolean =>
  has(state, 'targetMayHaveWrites') && state.snapshot.context.plan?.handOver === 'launch';
/** Whether the way back to the source has been given up. */
export const isPastPointOfNoReturn = (state: MigrationState): boolean => has(state, 'pastPointOfNoReturn');
/** Whether nothing can follow any more. */
export const hasEnded = (state: MigrationState): boolean => has(state, 'ended');
/** Whether a person has to decide before it goes on. */
export const asksOperator = (state: MigrationState): boolean => has(state, 'asksOperator');
/** Whether delta rounds keep exceeding the downtime budget. */
export const isNotConverging = (state: MigrationState): boolean => {
  const { plan, roundsOverBudget } = state.snapshot.context;
  return plan !== null && roundsOverBudget >= plan.roundsMax;
};
