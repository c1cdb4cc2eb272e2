import { effectNames } from '#core/migration/timeline';
import type { Checklist, ChecklistItem, ChecklistStep } from '#core/migration/checklist';
import type { EffectType, TimerName } from '#core/migration/effects';
import type { MigrationState, Work } from '#core/migration/evolve';
import { formatDuration, formatOffset } from '#core/text/format';
import { plainLine, plainText } from '#core/text/plain-text';
import { after, elapsed, type Instant } from '#core/units';

/** The steps of a migration as they stood at a moment. */
export interface ChecklistView {
  /** The step that goes on, or went on last; null before the first. */
  readonly current: StepView | null;
  /** Those before it, the latest first. */
  readonly earlier: readonly StepView[];
  /** What is waited for: when something is tried again, or must be over. */
  readonly waits: readonly WaitView[];
}

/** One step in words. */
export interface StepView {
  /** Different for every step and every time it was begun. */
  readonly key: string;
  readonly name: string;
  /** `run 2`; empty for the first. */
  readonly again: string;
  readonly state: ChecklistStep['state'];
  /** What became of it and how long that took, or how long it has been going on. */
  readonly words: string;
  /** Since the start of the run. */
  readonly offset: string;
  readonly detail: string;
  readonly items: readonly ItemView[];
}

/** One item of a step in words. */
export interface ItemView {
  readonly item: string;
  readonly title: string;
  /** `unfinished`: the step was over before the item was. */
  readonly state: ChecklistItem['state'] | 'unfinished';
  readonly words: string;
  /** `attempt 3`; empty for the first of something that is not tried again. */
  readonly attempt: string;
  /** When it is tried again, as time left at the moment; empty if it is not going to be. */
  readonly next: string;
  readonly detail: string;
}

/** A deadline that is waited for. */
export interface WaitView {
  readonly timer: TimerName;
  readonly title: string;
  /** `in 12 s`, or `now`. */
  readonly left: string;
  readonly detail: string;
}

/** What is known of a migration's present, beside its checklist. */
export type Present = Pick<MigrationState, 'work'> & { readonly attempts: number };

/** The steps at `now`, with offsets from `start`. What a step is waiting for is in the chart's outstanding work. */
export function checklistView(
  checklist: Checklist,
  { work, attempts }: Present,
  { start, now }: { readonly start: Instant; readonly now: Instant },
): ChecklistView {
  const steps = [...checklist, ...unrequested(checklist, work)].map((step) => stepView(step, start, now));
  return {
    current: steps.at(-1) ?? null,
    earlier: steps.slice(0, -1).toReversed(),
    waits: work.flatMap((one) => waitView(one, attempts, now)),
  };
}

const isStep = (type: EffectType): boolean => !['initiateReplication', 'armTimer'].includes(type) && !isRound(type);
const isRound = (type: EffectType): boolean => ['runFullSync', 'runDeltaSync', 'runRescan'].includes(type);

/** Steps that the world is asked for and that no fact tells of yet: those that may simply be done again are not logged. */
function unrequested(checklist: Checklist, work: readonly Work[]): Checklist {
  const open = new Set(checklist.filter(({ ended }) => ended === null).map(({ step }) => step));
  return work
    .filter(({ effect }) => isStep(effect.type) && !open.has(effect.type))
    .map(({ effect, since }) => ({
      step: effect.type,
      run: (checklist.findLast(({ step }) => step === effect.type)?.run ?? 0) + 1,
      ...{ begun: since, ended: null, state: 'running', detail: '', items: [] },
    }));
}

const stepWords: Readonly<Record<ChecklistStep['state'], (time: string) => string>> = {
  running: (time) => `goes on for ${time}`,
  unknown: (time) => `outcome unknown after ${time}: the world is asked`,
  undecidable: (time) => `outcome unknown after ${time}: a person has to look`,
  done: (time) => `done in ${time}`,
  failed: (time) => `failed after ${time}`,
  abandoned: (time) => `given up after ${time}`,
};

function stepView(step: ChecklistStep, start: Instant, now: Instant): StepView {
  const { begun, ended, run, state } = step;
  return {
    key: `${step.step} ${run} ${begun}`,
    name: nameOf(step.step),
    again: run > 1 ? `run ${run}` : '',
    state,
    words: stepWords[state](formatDuration(elapsed(begun, ended ?? now))),
    offset: formatOffset(start, begun),
    detail: plainText(step.detail),
    items: step.items.map((item) => itemView(item, step, now)),
  };
}

function nameOf(step: string): string {
  const name = (effectNames as Readonly<Record<string, string>>)[step] ?? step;
  return plainLine(name.charAt(0).toUpperCase() + name.slice(1));
}

function itemView(item: ChecklistItem, step: ChecklistStep, now: Instant): ItemView {
  const isLeft = step.ended !== null && (item.state === 'running' || item.state === 'retrying');
  const state = isLeft ? 'unfinished' : item.state;
  return {
    item: item.item,
    title: plainLine(item.title),
    state,
    words: itemWords(item, state, now),
    attempt: item.attempt > 1 || state === 'retrying' ? `attempt ${item.attempt}` : '',
    next: isLeft || item.nextAttempt === null ? '' : `tried again ${timeLeft(item.nextAttempt, now)}`,
    detail: plainText(item.detail),
  };
}

function itemWords({ begun, told }: ChecklistItem, state: ItemView['state'], now: Instant): string {
  const took = elapsed(begun, told);
  switch (state) {
    case 'running':
      return `goes on for ${formatDuration(elapsed(begun, now))}`;
    case 'done':
      // Told once, when it was over: how long it took is not in the log.
      return took === 0 ? 'done' : `done in ${formatDuration(took)}`;
    case 'failed':
      return took === 0 ? 'failed' : `failed after ${formatDuration(took)}`;
    case 'retrying':
      return 'did not work yet';
    case 'unfinished':
      return 'not finished';
  }
}

const timeLeft = (at: Instant, now: Instant): string => (at <= now ? 'now' : `in ${formatDuration(at - now)}`);

const waitNames = {
  refresh: 'The replica is refreshed',
  retry: 'Replication is tried again',
  quiesce: 'The source has to be at rest',
  release: 'The clean-up is tried again',
} as const satisfies Record<TimerName, string>;

function waitView({ effect, since }: Work, attempts: number, now: Instant): readonly WaitView[] {
  if (effect.type !== 'armTimer') return [];
  const { timer, wait } = effect.params;
  const counts = (timer === 'retry' || timer === 'release') && attempts > 0;
  return [
    {
      timer,
      title: waitNames[timer],
      left: timeLeft(after(since, wait), now),
      detail: counts ? `attempt ${attempts + 1}` : '',
    },
  ];
}
