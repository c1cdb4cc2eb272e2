import { categoryOf } from '#core/event-log/event-log';
import { foldMigrationView, type FoldedFact, type MigrationView } from '#core/fleet/fleet-view';
import type { MigrationId } from '#core/ids';
import { axesOf } from '#core/migration/abilities';
import { splitDowntime, type Downtime } from '#core/migration/downtime';
import type { MigrationFact } from '#core/migration/facts';
import type { MigrationPlan } from '#core/migration/plan';
import { factGroups } from '#core/migration/timeline';
import { elapsed, millis, type Instant, type Millis } from '#core/units';
import { completes, disturbs, phasesIn, type CompletedRound, type Phase, type PhaseKind } from './phase.ts';

/** What one migration of a run did, and how long everything of it took. */
export interface MigrationTrace {
  readonly id: MigrationId;
  readonly plan: MigrationPlan | null;
  /** Where it stands, or ended. */
  readonly lifecycle: string;
  readonly began: Instant;
  /** From its draft until its last cutover was over, by whatever end; until its last fact if there was none. */
  readonly total: Millis;
  /** How long services were stopped, all tries together. */
  readonly downtime: Millis;
  /** In the order in which they were over; those of one axis do not overlap. */
  readonly phases: readonly Phase[];
  readonly story: readonly StoryFact[];
  /** Why its facts could not be followed to their end; null if they could. */
  readonly broken: string | null;
}

/**
 * A fact that says what was done, and not how far something is or how often it went round: progress, the driver's notes
 * and delta rounds are left out. How many rounds there were is among the quantities.
 */
export interface StoryFact {
  readonly fact: MigrationFact;
  readonly at: Instant;
}

/** What a whole log tells. */
export interface RunTrace {
  /** How the run is called in what is said about it. */
  readonly name: string;
  /** The time of its first fact; null if there is none. */
  readonly began: Instant | null;
  readonly facts: number;
  /** In the order in which they were drafted. */
  readonly migrations: readonly MigrationTrace[];
}

/** Folds a log into what it tells, fact by fact. Keeps phases and stories, and no facts of progress. */
export async function traceRun(
  name: string,
  facts: AsyncIterable<FoldedFact> | Iterable<FoldedFact>,
): Promise<RunTrace> {
  const folds = new Map<string, MigrationFold>();
  let began: Instant | null = null;
  let count = 0;
  for await (const fact of facts) {
    began ??= fact.metadata.time;
    count += 1;
    if (categoryOf(fact.stream) !== 'migration') continue;
    const fold = folds.get(fact.stream) ?? migrationFold();
    folds.set(fact.stream, fold);
    fold.add(fact);
  }
  return { name, began, facts: count, migrations: [...folds.values()].flatMap((fold) => fold.trace() ?? []) };
}

/** The phases of one migration, from its facts in order. */
export function phasesOf(facts: Iterable<FoldedFact>): readonly Phase[] {
  const fold = migrationFold();
  for (const fact of facts) fold.add(fact);
  return fold.trace()?.phases ?? [];
}

interface MigrationFold {
  add(fact: FoldedFact): void;
  /** What was folded so far; nothing before the first fact. */
  trace(): MigrationTrace | undefined;
}

interface OpenPhase {
  readonly kind: PhaseKind;
  readonly begins: Instant;
  readonly round: number;
  isDisturbed: boolean;
}

function migrationFold(): MigrationFold {
  let view: MigrationView | undefined;
  // Of the facts that could be folded.
  let last: Instant | undefined;
  let open: readonly (OpenPhase | undefined)[] = [];
  const phases: Phase[] = [];
  const story: StoryFact[] = [];
  // Of cutovers before the last one.
  let earlier = 0;

  const follow = (state: MigrationView['state'], fact: MigrationFact, at: Instant): void => {
    const { round } = state.snapshot.context;
    open = phasesIn(axesOf(state)).map((kind, axis) => {
      const before = open[axis];
      if (before && disturbs(fact)) before.isDisturbed = true;
      if (before && kind === before.kind && !(isRound(kind) && round !== before.round)) return before;
      if (before) phases.push(closed(before, fact, at));
      return kind && { kind, begins: at, round, isDisturbed: false };
    });
  };

  return {
    add(recorded) {
      const before = view?.progress.downtime ?? null;
      view = foldMigrationView(view, recorded);
      if (view.broken) return;
      const fact = { type: recorded.type, data: recorded.data } as MigrationFact;
      const at = recorded.metadata.time;
      last = at;
      const { downtime } = view.progress;
      if (before && downtime?.askedAt !== before.askedAt) earlier += downFor(before, at);
      if (belongsToStory(fact)) story.push({ fact, at });
      // Reports of progress are most of any log and lead nowhere else.
      if (fact.type !== 'RoundProgressed') follow(view.state, fact, at);
    },
    trace() {
      if (!view) return undefined;
      const { state, progress, id, broken } = view;
      const { downtime, startedAt } = progress;
      const ends = last ?? view.time;
      const began = startedAt ?? view.time;
      return {
        id,
        plan: state.snapshot.context.plan,
        lifecycle: axesOf(state).lifecycle,
        began,
        total: elapsed(began, downtime?.ended ?? ends),
        downtime: millis(earlier + downFor(downtime, ends)),
        phases: [...phases, ...open.flatMap((phase) => (phase ? [stillOpen(phase, ends)] : []))],
        story,
        broken: broken && broken.why,
      };
    },
  };
}

const downFor = (downtime: Downtime | null, now: Instant): number =>
  downtime === null ? 0 : splitDowntime(downtime, now).total;

const isRound = (kind: PhaseKind): boolean => kind === 'fullSync' || kind === 'deltaSync' || kind === 'rescan';

function closed(open: OpenPhase, fact: MigrationFact, at: Instant): Phase {
  const { kind, begins, isDisturbed } = open;
  const isDone = completes(kind, fact);
  return {
    ...{ kind, begins, isDisturbed, ends: at },
    ending: isDone ? 'completed' : 'brokenOff',
    round: isDone ? reportIn(fact) : null,
  };
}

const stillOpen = ({ kind, begins, isDisturbed }: OpenPhase, last: Instant): Phase => ({
  ...{ kind, begins, isDisturbed, ends: last },
  ending: 'open',
  round: null,
});

function reportIn(fact: MigrationFact): CompletedRound | null {
  if (fact.type !== 'RoundCompleted' && fact.type !== 'FinalSyncCompleted') return null;
  const { disks: _disks, ...report } = fact.data;
  return report;
}

const belongsToStory = (fact: MigrationFact): boolean =>
  factGroups[fact.type] !== 'driver' &&
  fact.type !== 'RoundProgressed' &&
  !(fact.type === 'RoundCompleted' && fact.data.kind === 'delta');
