import { exitStatus, type ExitStatus } from '#core/text/exit-status';
import { formatBytes, formatDuration, formatPlural } from '#core/text/format';
import { breachLines } from '#core/laws/breach-text';
import { laws } from '#core/laws/laws';
import { surprises, type RehearsalSummary } from '#scenarios/rehearsal-summary';
import type { RehearsalError } from '#scenarios/run';

/** What a rehearsal came to, a line per VM. */
export function rehearsalLines(summary: RehearsalSummary): readonly string[] {
  const { wave, members, facts, seed } = summary;
  const nameWidth = Math.max(...members.map(({ migration }) => migration.length));
  const stateWidth = Math.max(...members.map(({ lifecycle }) => lifecycle.length));
  // What was stopped on the way has not ended anywhere.
  const unexpected = summary.ending.type === 'finished' ? surprises(summary) : [];
  return [
    `Wave ${wave.id} ${wave.state} after ${formatDuration(wave.duration)}: ${formatPlural(members.length, 'VM')}, ${formatPlural(facts, 'fact')}, seed ${seed}`,
    ...(summary.waves ?? []).map(
      ({ id, state, members: count, duration }) =>
        `  wave ${id}: ${state === 'undrafted' ? 'nobody was left for it' : `${formatPlural(count, 'VM')}, ${state} after ${formatDuration(duration)}`}`,
    ),
    ...members.map(
      ({ migration, lifecycle, downtime, sent, rounds }) =>
        `  ${migration.padEnd(nameWidth)}  ${lifecycle.padEnd(stateWidth)}  ${formatPlural(rounds, 'round')}, ${formatBytes(sent)} sent, downtime ${formatDuration(downtime)}`,
    ),
    ...unexpected.map(
      ({ migration, lifecycle, expected }) => `  ${migration} ended ${lifecycle}; the scenario expected ${expected}`,
    ),
    ...breachLines(laws, summary.breaches, wave.started),
  ];
}

/** The exit status of a rehearsal: whether it came out as its scenario expects. */
export function rehearsalStatus(summary: RehearsalSummary): ExitStatus {
  if (summary.breaches.length > 0) return exitStatus.lawBroken;
  switch (summary.ending.type) {
    case 'finished':
      return surprises(summary).length > 0 ? exitStatus.failed : exitStatus.done;
    case 'stopped':
      return exitStatus.interrupted;
    case 'logRefused':
      return exitStatus.unavailable;
  }
}

/** One sentence for a person: why the rehearsal does not begin. */
export function describeRehearsalError(error: RehearsalError): string {
  switch (error.type) {
    case 'UnknownName':
      return `the scenario speaks of ${error.name}, and its estate has no ${error.kind} of that name; correct the name or add the ${error.kind}`;
    case 'AlreadyThere':
      return `the log has ${error.stream} already, and a rehearsal cannot be gone on with; give a log of its own with --data`;
    case 'DraftRefused':
      return `${error.stream} could not be drafted (${error.refusal.type}); give a log of its own with --data`;
  }
}
