import { migrationMachine } from '#core/migration/machine';
import type { Instant } from '#core/units';
import type { MigrationHistory } from './history.ts';
import { lifecycleWords, replicationWords, wordsFor } from './words.ts';

/** The two axes of a migration that are drawn. */
export type Axis = 'lifecycle' | 'replication';

/** A state on the map of an axis: on its main way, or beside the state it leaves. */
export interface Stop {
  readonly state: string;
  readonly name: string;
  /** One sentence: who runs and who owns the data. */
  readonly description: string;
  readonly beside: readonly Stop[];
  /** The steps a state is made of. */
  readonly steps: readonly Stop[];
}

interface Place {
  readonly state: string;
  readonly name?: string;
  readonly beside?: readonly Place[];
  readonly steps?: readonly Place[];
}

const stops = (...states: readonly string[]): readonly Place[] => states.map((state) => ({ state }));

// The main way is what happens when nothing goes wrong. Every state of the chart stands here once; a test compares.
const lifecyclePlaces: readonly Place[] = [
  { state: 'draft' },
  { state: 'verifying', beside: stops('blocked') },
  { state: 'ready' },
  {
    state: 'protected',
    beside: [
      {
        state: 'testing',
        name: 'Testing',
        steps: stops('testing.catchingUp', 'testing.launching', 'testing.running', 'testing.cleaningUp'),
      },
    ],
  },
  {
    state: 'cuttingOver',
    name: 'Cutting over',
    steps: stops(
      ...[
        'approved',
        'quiescing',
        'finalSync',
        'fencing',
        'fixingUp',
        'launching',
        'connecting',
        'validating',
        'undecided',
      ].map((step) => `cuttingOver.${step}`),
    ),
    beside: stops('rollingBack', 'rolledBack', 'failed'),
  },
  { state: 'cutOver' },
  {
    state: 'finalizing',
    name: 'Finalizing',
    steps: stops('finalizing.retiring', 'finalizing.waiting'),
  },
  {
    state: 'finalized',
    beside: [
      { state: 'cancelling', name: 'Cancelling', steps: stops('cancelling.releasing', 'cancelling.waiting') },
      { state: 'cancelled' },
    ],
  },
];
const replicationPlaces: readonly Place[] = [
  { state: 'idle' },
  { state: 'initiating' },
  { state: 'fullSync', beside: stops('rescan') },
  {
    state: 'deltaSync',
    beside: [
      ...stops('paused'),
      { state: 'stalled', name: 'Stalled', steps: stops('stalled.retrying', 'stalled.blocked') },
      ...stops('disconnected'),
    ],
  },
  { state: 'parked', name: 'Parked', steps: stops('parked.resting', 'parked.refreshing') },
  { state: 'held' },
  { state: 'stopped' },
];

interface Described {
  readonly description?: string | undefined;
  readonly states: Readonly<Record<string, Described>>;
}

function describe(axis: Axis, state: string): string {
  let node: Described | undefined = migrationMachine.states[axis] as Described;
  for (const part of state.split('.')) node = node?.states[part];
  return node?.description ?? '';
}

const words = { lifecycle: lifecycleWords, replication: replicationWords } as const;

const stopOf = (axis: Axis, { state, name, beside = [], steps = [] }: Place): Stop => ({
  state,
  name: name ?? wordsFor(words[axis], state),
  description: describe(axis, state),
  beside: beside.map((place) => stopOf(axis, place)),
  steps: steps.map((place) => stopOf(axis, place)),
});

/** The map of each axis, from left to right. */
export const axisMaps: { readonly [A in Axis]: readonly Stop[] } = {
  lifecycle: lifecyclePlaces.map((place) => stopOf('lifecycle', place)),
  replication: replicationPlaces.map((place) => stopOf('replication', place)),
};

/** Every stop of an axis, those beside and within included. */
export const allStops = (axis: Axis): readonly Stop[] => axisMaps[axis].flatMap(withInner);
const withInner = (stop: Stop): readonly Stop[] => [
  stop,
  ...stop.steps.flatMap(withInner),
  ...stop.beside.flatMap(withInner),
];

/** One stay in a state. */
export interface Visit {
  readonly state: string;
  /** The place in the history of the fact that led into it, and when that was. */
  readonly index: number;
  readonly from: Instant;
  /** When it was left; null while it lasts. */
  readonly to: Instant | null;
}

/** Every stay of a migration in a state of one axis, oldest first. `timeAt` gives the time of a place in the history. */
export function visitsOf(history: MigrationHistory, axis: Axis, timeAt: (index: number) => Instant): readonly Visit[] {
  const visits: Visit[] = [];
  for (const [index, row] of history.rows()) {
    const state = row[axis];
    const last = visits.at(-1);
    if (last?.state === state) continue;
    const from = timeAt(index);
    if (last) visits[visits.length - 1] = { ...last, to: from };
    visits.push({ state, index, from, to: null });
  }
  return visits;
}

/** How a stop is drawn at a moment. */
export interface StopView {
  readonly stop: Stop;
  /** `ahead`: known to come, since the moment lies in the past. `never`: not visited as far as is known. */
  readonly standing: 'current' | 'visited' | 'ahead' | 'never';
  /** The last stay up to the moment; before the first one, the first that comes. */
  readonly visit: Visit | null;
  readonly count: number;
  readonly steps: readonly StopView[];
  readonly beside: readonly StopView[];
}

/** The map of an axis as it stands at a moment. */
export const axisAt = (axis: Axis, visits: readonly Visit[], index: number): readonly StopView[] => {
  const current = visits.findLast((visit) => visit.index <= index)?.state;
  return axisMaps[axis].map((stop) => stopView(stop, visits, index, current));
};

const within = (state: string, outer: string): boolean => state === outer || state.startsWith(`${outer}.`);

function stopView(stop: Stop, visits: readonly Visit[], index: number, current: string | undefined): StopView {
  const stays = staysWithin(visits, stop.state);
  const past = stays.filter((visit) => visit.index <= index);
  const visit = past.at(-1) ?? stays[0] ?? null;
  const isCurrent = current !== undefined && within(current, stop.state);
  return {
    stop,
    standing: isCurrent ? 'current' : past.length > 0 ? 'visited' : stays.length > 0 ? 'ahead' : 'never',
    visit,
    count: past.length,
    steps: stop.steps.map((step) => stopView(step, visits, index, current)),
    beside: stop.beside.map((other) => stopView(other, visits, index, current)),
  };
}

// Going from one step of a state to the next is staying in it.
function staysWithin(visits: readonly Visit[], state: string): readonly Visit[] {
  const stays: Visit[] = [];
  let before: Visit | undefined;
  for (const visit of visits) {
    const last = stays.at(-1);
    if (within(visit.state, state)) {
      if (last && before && within(before.state, state)) stays[stays.length - 1] = { ...last, to: visit.to };
      else stays.push({ ...visit, state });
    }
    before = visit;
  }
  return stays;
}
