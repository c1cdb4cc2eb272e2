import { formatDuration, formatPlural, formatTime } from '#core/text/format';
import type { MemberSummary, RehearsalSummary } from '#scenarios/rehearsal-summary';
import type { Fork } from './fork.ts';

/** How two rehearsals of one fleet came out, VM by VM: what was, and what would have been. */
export interface ForkComparison {
  /** Milliseconds later (or earlier, below zero) than without the change. */
  readonly later: number;
  /** VMs that end elsewhere. */
  readonly otherwise: readonly { readonly before: MemberSummary; readonly after: MemberSummary }[];
  /** Longer downtimes first; only those that differ. */
  readonly downtimes: readonly { readonly vm: string; readonly before: number; readonly after: number }[];
}

/** Compares what came of a rehearsal with what comes of its fork. */
export function compareFork(before: RehearsalSummary, after: RehearsalSummary): ForkComparison {
  const pairs = before.members.flatMap((member) => {
    const other = after.members.find(({ migration }) => migration === member.migration);
    return other ? [{ before: member, after: other }] : [];
  });
  return {
    later: after.wave.duration - before.wave.duration,
    otherwise: pairs.filter((pair) => pair.before.lifecycle !== pair.after.lifecycle),
    downtimes: pairs
      .filter((pair) => pair.before.downtime !== pair.after.downtime)
      .map((pair) => ({ vm: pair.before.migration, before: pair.before.downtime, after: pair.after.downtime }))
      .toSorted((a, b) => b.after - b.before - (a.after - a.before)),
  };
}

const shown = 10;

/** What a fork came to, for a person. */
export function forkLines(
  before: RehearsalSummary,
  { summary, forkedAt }: Fork,
  set: readonly string[],
): readonly string[] {
  const { later, otherwise, downtimes } = compareFork(before, summary);
  const into = formatDuration(forkedAt - before.wave.started);
  const change = later === 0 ? 'as before' : `${formatDuration(Math.abs(later))} ${later > 0 ? 'later' : 'earlier'}`;
  const width = Math.max(0, ...summary.members.map(({ migration }) => migration.length));
  return [
    `From ${formatTime(forkedAt)} on, ${into} into it: ${set.join(', ')}`,
    `Wave ${summary.wave.id} ${summary.wave.state} after ${formatDuration(summary.wave.duration)} instead of ${formatDuration(before.wave.duration)}, ${change}`,
    otherwise.length === 0
      ? 'Every VM ends where it did'
      : `${formatPlural(otherwise.length, 'VM ends', 'VMs end')} elsewhere:`,
    ...otherwise.map(
      (pair) => `  ${pair.before.migration.padEnd(width)}  ${pair.after.lifecycle} instead of ${pair.before.lifecycle}`,
    ),
    ...(downtimes.length === 0 ? [] : [`Downtimes that change (${downtimes.length}):`]),
    ...downtimes
      .slice(0, shown)
      .map(
        (each) => `  ${each.vm.padEnd(width)}  ${formatDuration(each.after)} instead of ${formatDuration(each.before)}`,
      ),
    ...(downtimes.length > shown ? [`  and ${downtimes.length - shown} more; --json has them all`] : []),
  ];
}
