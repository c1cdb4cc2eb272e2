import type { FactGroup } from '#core/text/fact-text';
import { describeRecorded, groupOf, timelineLine, type TimelineLine } from '#core/text/timeline';
import type { History } from './history.ts';
import { countUpTo } from './sorted.ts';

/** A fact as a line of a list. */
export interface FactLine extends TimelineLine {
  readonly index: number;
  readonly position: number;
}

/** Which facts a list shows. */
export type FactFilter = 'all' | 'milestones' | FactGroup | 'trouble';

/** What each filter is called. */
export const factFilters: Readonly<Record<FactFilter, string>> = {
  milestones: 'Milestones',
  trouble: 'Trouble',
  decision: 'Decisions',
  replication: 'Replication',
  step: 'Steps',
  driver: 'Driver',
  all: 'Every fact',
};

/** The facts among `indexes` that a filter lets through, ascending. Milestones: all but bookkeeping. */
export function filterFacts(history: History, indexes: readonly number[], filter: FactFilter): readonly number[] {
  if (filter === 'all') return indexes;
  return indexes.filter((index) => {
    const fact = history.fact(index);
    // Told apart before they are described: there may be many of them.
    if (fact.type === 'RoundProgressed') return filter === 'replication';
    if (filter === 'milestones') return describeRecorded(fact).severity !== 'note';
    if (filter === 'trouble') return ['warning', 'failure'].includes(describeRecorded(fact).severity);
    return groupOf(fact) === filter;
  });
}

/** The line of one fact. */
export function factLine(history: History, index: number): FactLine {
  const fact = history.fact(index);
  const start = history.span?.from ?? fact.metadata.time;
  return { index, position: fact.position, ...timelineLine(fact, start) };
}

/** The place in `indexes` of the last fact that has happened at `index`; -1 before the first. */
export const currentLine = (indexes: readonly number[], index: number): number => countUpTo(indexes, index) - 1;
