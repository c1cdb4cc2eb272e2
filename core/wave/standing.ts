import { axesOf, hasMoved, type Axes } from '#core/migration/abilities';
import type { MigrationState } from '#core/migration/evolve';

/*
 * Where a member stands, as far as a planner asks: a few yes and no, so that a change of them is cheap to see.
 */

/** What may be true of a member, a bit each. */
export const standingBits = {
  draft: 1,
  ready: 2,
  wantsTest: 4,
  /** It is protected and nobody has approved it yet. */
  wantsApproval: 8,
  /** It holds a place of those that replicate. */
  replicating: 16,
  /** It holds a place of those that cut over. */
  cuttingOver: 32,
  /** It could be cut over, if those before it have moved. */
  cutOverReady: 64,
  /** Its target owns the data. */
  moved: 128,
  /** It will not move by itself any more: moved, or stopped before it. */
  through: 256,
  /** Its cutover waits to begin. */
  cutoverWaits: 512,
  /** Its cutover runs, and its target does not. */
  targetNotRunning: 1_024,
  /** Its cutover was taken back. Whether it is tried again is for its wave to say; until then it is `through`. */
  rolledBack: 2_048,
  /** Its cutover has begun and was not taken back. */
  begun: 4_096,
} as const;

const on = standingBits;
const beforeTargetRuns: ReadonlySet<string> = new Set(
  ['quiescing', 'finalSync', 'fencing', 'fixingUp', 'launching'].map((step) => `cuttingOver.${step}`),
);
// Interrupted members keep their place: they take it up again by themselves, and the limit has to hold then too.
const holdsPlace: ReadonlySet<string> = new Set([
  'initiating',
  'fullSync',
  'deltaSync',
  'rescan',
  'stalled.retrying',
  'disconnected',
]);
// A member that was rolled back is not tried again by itself: its wave's plan, or whoever looks into it, decides.
const stopped: ReadonlySet<string> = new Set(['rolledBack', 'cancelled', 'failed', 'cuttingOver.undecided']);

/** The bits of a member. */
export function standingOf(state: MigrationState): number {
  const axes = axesOf(state);
  let bits = (known[state.snapshot.configuration] ??= ofAxes(axes));
  if (axes.lifecycle !== 'protected' && axes.lifecycle !== 'rolledBack') return bits;
  const { plan, approvedBy, test } = state.snapshot.context;
  const wantsApproval = plan?.approval !== 'given' && approvedBy === null;
  const tested = plan?.testLaunch !== 'required' || test === 'passed';
  const parked = axes.replication.startsWith('parked');
  if (wantsApproval) bits |= on.wantsApproval;
  if (parked && plan?.testLaunch === 'required' && test === 'none') bits |= on.wantsTest;
  if (parked && !wantsApproval && tested) bits |= on.cutOverReady;
  return bits;
}

// What follows from the axes alone, by set of active states, of which a chart has a few hundred.
const known: (number | undefined)[] = [];

function ofAxes({ lifecycle, replication }: Axes): number {
  const moved = hasMoved(lifecycle);
  let bits = 0;
  if (lifecycle === 'draft') bits |= on.draft;
  if (lifecycle === 'ready') bits |= on.ready;
  if (holdsPlace.has(replication)) bits |= on.replicating;
  if ((lifecycle.startsWith('cuttingOver') && lifecycle !== 'cuttingOver.undecided') || lifecycle === 'rollingBack')
    bits |= on.cuttingOver;
  if (moved) bits |= on.moved;
  if (moved || stopped.has(lifecycle)) bits |= on.through;
  if (lifecycle === 'rolledBack') bits |= on.rolledBack;
  if (moved || lifecycle.startsWith('cuttingOver')) bits |= on.begun;
  if (lifecycle === 'cuttingOver.approved') bits |= on.cutoverWaits;
  if (beforeTargetRuns.has(lifecycle)) bits |= on.targetNotRunning;
  return bits;
}
