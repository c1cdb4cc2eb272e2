import type { ProposedFact } from '#core/event-log/event-log';
import { breachLines } from '#core/laws/breach-text';
import { laws } from '#core/laws/laws';
import type { MigrationFact } from '#core/migration/facts';
import { exitStatus, type ExitStatus } from '#core/text/exit-status';
import { formatBytes, formatDuration, formatPlural } from '#core/text/format';
import { progressTeller, type Terminal } from '#core/text/terminal';
import { timelineLine } from '#core/text/timeline';
import type { Instant } from '#core/units';
import { describeOpenError } from '#scenarios/open-migration';
import type { EndingKind } from '#scenarios/migrate-step';
import { migrate, type MigrateOptions } from '#scenarios/migrate';
import type { MigrationSummary } from '#scenarios/migrate-summary';

const statuses: Readonly<Record<EndingKind, ExitStatus>> = {
  cutOver: exitStatus.done,
  finalized: exitStatus.done,
  cancelled: exitStatus.done,
  rolledBack: exitStatus.rolledBack,
  blocked: exitStatus.blocked,
  failed: exitStatus.failed,
  interrupted: exitStatus.interrupted,
  logRefused: exitStatus.unavailable,
};

/** Carries out a migration and tells of it: facts as they come, then what it came to. */
export async function migrateCommand(
  options: MigrateOptions,
  terminal: Terminal,
  { json }: { readonly json: boolean },
): Promise<ExitStatus> {
  const teller = factTeller(options, terminal, json);
  const result = await migrate({
    ...options,
    onFacts: (facts) => {
      for (const fact of facts) teller.tell(fact);
      options.onFacts?.(facts);
    },
  });
  teller.end();
  if (!result.ok) {
    terminal.note(`sealift: ${describeOpenError(result.error)}`);
    return exitStatus.usage;
  }
  if (json) terminal.print(JSON.stringify({ type: 'summary', ...result.value }));
  else for (const line of summaryLines(result.value)) terminal.print(line);
  return result.value.breaches.length > 0 ? exitStatus.lawBroken : statuses[result.value.ending];
}

function factTeller({ scenario }: MigrateOptions, terminal: Terminal, json: boolean) {
  const progress = progressTeller(terminal);
  const stream = `migration-${scenario.id}` as const;
  let start: Instant | undefined;
  let roundBegan: { readonly round: number; readonly at: Instant; readonly done: number } | undefined;
  const tell = (fact: ProposedFact<MigrationFact>): void => {
    const { time } = fact.metadata;
    start ??= time;
    if (json) {
      terminal.print(JSON.stringify({ ...fact, type: 'fact', fact: fact.type }));
      return;
    }
    if (fact.type === 'RoundProgressed') {
      const { round, done, total } = fact.data as Extract<MigrationFact, { type: 'RoundProgressed' }>['data'];
      if (roundBegan?.round !== round) roundBegan = { round, at: time, done };
      const seconds = (time - roundBegan.at) / 1000;
      const rate = seconds > 0 ? (done - roundBegan.done) / seconds : null;
      const etaMs = rate ? ((total - done) / rate) * 1000 : null;
      progress.tell({ label: `round ${round}`, done, total, bytesPerSecond: rate, etaMs });
      return;
    }
    const line = timelineLine({ ...fact, stream }, start);
    if (line.severity === 'note') return;
    progress.end();
    terminal.note(`${line.offset} ${line.title}${line.detail === '' ? '' : `: ${line.detail}`}`);
  };
  return { tell, end: progress.end };
}

function summaryLines(summary: MigrationSummary): readonly string[] {
  const { downtime } = summary;
  return [
    `${endings[summary.ending]} after ${formatDuration(summary.elapsed)}: ${formatPlural(summary.roundsDone, 'round')}, ${formatBytes(summary.sent)} sent, ${formatBytes(summary.zeroed)} zero`,
    ...(downtime === null
      ? []
      : [
          `downtime ${formatDuration(downtime.total)}: ${formatDuration(downtime.data)} data, ${formatDuration(downtime.overhead)} overhead (${downtime.steps.map(({ name, duration }) => `${name} ${formatDuration(duration)}`).join(', ')})`,
        ]),
    ...(summary.isNotConverging ? ['not converging: the guest writes faster than rounds can send'] : []),
    ...summary.failedChecks.map(({ message, remedy }) => `failed: ${message}${remedy === '' ? '' : `; ${remedy}`}`),
    ...(summary.reason === null ? [] : [`because: ${summary.reason.detail}`]),
    ...(summary.ending === 'cutOver'
      ? summary.replicas.map(({ disk, target }) => `replica of ${disk}: ${target}`)
      : []),
    ...breachLines(laws, summary.breaches, summary.began),
    summary.next,
  ];
}

const endings: Readonly<Record<EndingKind, string>> = {
  cutOver: 'Cut over',
  finalized: 'Finalized',
  cancelled: 'Cancelled',
  rolledBack: 'Rolled back',
  blocked: 'Blocked',
  failed: 'Failed',
  interrupted: 'Interrupted',
  logRefused: 'Stopped by the log',
};
