import { axesOf, type Axes } from '#core/migration/abilities';
import type { MigrationState } from '#core/migration/evolve';
import { elapsed, millis, minutes, type Instant, type Millis } from '#core/units';

/*
 * Where the members of a wave stood over time. Moments lie on a grid that grows coarser with the length of the wave, so
 * that a course is small however long it is, and courses of different lengths can be laid on each other.
 */

/** Where a member stands, from first to last as all should go; then the ways in which it may not. */
export const phases = ['preparing', 'syncing', 'parked', 'cuttingOver', 'moved', 'rolledBack', 'stuck'] as const;
/** Where a member stands, as far as a wave is concerned. `stuck`: nothing moves unless a person does something. */
export type Phase = (typeof phases)[number];

/** How many members stood in each phase, moment by moment. */
export interface WaveCourse {
  readonly step: Millis;
  /** By moment and phase; the first at the start of the wave, the last when nobody moved any more. */
  readonly rows: readonly (readonly number[])[];
}

/** Follows the members of one wave. */
export interface CourseRecorder {
  /** One more member, which is being prepared. */
  enter(): void;
  move(from: Phase, to: Phase, at: Instant): void;
  /** When the last VM to move had moved; null if none has. */
  readonly lastMoved: Instant | null;
  course(): WaveCourse;
}

const stepMin = minutes(1);
const rowsMax = 240;

/** A course of nobody yet. */
export function courseRecorder(start: Instant): CourseRecorder {
  const counts = phases.map(() => 0);
  let rows: (readonly number[])[] = [];
  let step: number = stepMin;
  let lastMoved: Instant | null = null;
  let changed = 0;
  // A row tells what held at its moment, everything that happened at it included.
  const reach = (until: number): void => {
    while (rows.length * step < until) {
      if (rows.length === rowsMax) {
        rows = rows.filter((_row, i) => i % 2 === 0);
        step *= 2;
      } else rows.push([...counts]);
    }
  };
  const add = (phase: Phase, n: number): void => {
    const i = phases.indexOf(phase);
    counts[i] = (counts[i] ?? 0) + n;
  };
  return {
    enter: () => add('preparing', 1),
    move(from, to, at) {
      if (from === to) return;
      changed = elapsed(start, at);
      reach(changed);
      add(from, -1);
      add(to, 1);
      if (to === 'moved') lastMoved = at;
    },
    get lastMoved() {
      return lastMoved;
    },
    course() {
      const ending = [...counts];
      // The last row lies on the grid too: at or after the last change.
      reach(changed);
      return { step: millis(step), rows: [...rows, ending] };
    },
  };
}

/** The same course on a grid of half as many moments; it still ends as it ended. */
export function coarser<Row>(rows: readonly Row[]): Row[] {
  const last = rows.at(-1);
  const kept = rows.filter((_row, i) => i % 2 === 0);
  return last !== undefined && rows.length % 2 === 0 ? [...kept, last] : kept;
}

// By set of active states, of which the chart has a few hundred: asked after every fact.
const byStates: (Phase | undefined)[] = [];

/** The phase of a migration. */
export function phaseOf(state: MigrationState): Phase {
  return (byStates[state.snapshot.configuration] ??= phaseOfAxes(axesOf(state)));
}

function phaseOfAxes({ lifecycle, replication }: Axes): Phase {
  const [stage = ''] = lifecycle.split('.');
  if (stage === 'cutOver' || stage === 'finalizing' || stage === 'finalized') return 'moved';
  if (stage === 'rolledBack') return 'rolledBack';
  if (['blocked', 'failed', 'cancelling', 'cancelled'].includes(stage) || lifecycle === 'cuttingOver.undecided')
    return 'stuck';
  if (stage === 'rollingBack' || (stage === 'cuttingOver' && lifecycle !== 'cuttingOver.approved'))
    return 'cuttingOver';
  if (replication.startsWith('parked')) return 'parked';
  if (replication === 'stalled.blocked') return 'stuck';
  return replication === 'idle' || replication === 'initiating' ? 'preparing' : 'syncing';
}
