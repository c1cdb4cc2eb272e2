import type { DiskProgress, Progress, RoundInProgress } from '#core/migration/progress';
import { formatBytes, formatDuration, formatPercent, formatTime } from '#core/text/format';
import type { Millis } from '#core/units';

/** The disks of a VM in bytes. */
export interface DiskTable {
  readonly rows: readonly DiskRow[];
  /** All disks together; null where there is only one, whose row says it all. */
  readonly whole: DiskRow | null;
  readonly figures: readonly DiskFigure[];
  /** Why some cells are empty; empty if none is. */
  readonly remark: string;
}

/** One disk, or all of them. A cell that says `—` is not known: rounds report what is left for all disks together. */
export interface DiskRow {
  readonly name: string;
  readonly total: string;
  readonly replicated: string;
  readonly rescanned: string;
  readonly backlog: string;
  /** Parts of the whole, of 1: content, known zeros. The rest was never written, or is not copied yet. */
  readonly bar: { readonly sent: number; readonly zeroed: number; readonly label: string };
  readonly detail: string;
  /** Digest over the replica, hex; empty before its first round. */
  readonly root: string;
}

/** A number about all disks. */
export interface DiskFigure {
  readonly name: string;
  readonly value: string;
  readonly detail: string;
}

/** What the table needs to know beside what was folded. */
export interface DiskMoment {
  /** How far the replica is behind; null where that says nothing, as after the source is at rest. */
  readonly lagMs: Millis | null;
  readonly forecastMs: Millis | null;
}

const unknown = '—';
const nothing = formatBytes(0);

/** The disks at a moment. Nothing is shared out among disks that was told for all of them. */
export function diskTable(progress: Progress, moment: DiskMoment): DiskTable {
  const { disks } = progress;
  // A round that was interrupted is where it was: what it made equal stays so.
  const round = progress.round && progress.round.total > 0 ? progress.round : null;
  const [only] = disks.length === 1 ? disks : [];
  const backlog = backlogOf(progress, round);
  // Nothing of all is nothing of each.
  const eachBacklog = only || backlog === nothing ? backlog : unknown;
  // What a round that runs has left is told for all disks together, and after lost tracking nobody knows.
  const ownBacklog = ({ dirty }: DiskProgress): string =>
    round || dirty === null || backlog === unknown ? eachBacklog : formatBytes(dirty);
  const rows = disks.map((disk) => diskRow(disk, { round, isAlone: disk === only, backlog: ownBacklog(disk) }));
  return {
    rows,
    whole: only || disks.length === 0 ? null : wholeRow(disks, round, backlog),
    figures: figuresOf(progress, moment),
    remark: disks.length > 1 && rows.some((row) => row.backlog === unknown) ? together : '',
  };
}

const together = 'Rounds tell how far they are, and what is left, for all disks together.';

interface Standing {
  readonly round: RoundInProgress | null;
  /** Whether what a round reports is about this disk and no other. */
  readonly isAlone: boolean;
  readonly backlog: string;
}

function diskRow(disk: DiskProgress, { round, isAlone, backlog }: Standing): DiskRow {
  const { size, first, rescans, differed, tracked, root, sent, zeroed } = disk;
  const since = { sent: sent - (first?.sent ?? 0), zeroed: zeroed - (first?.zeroed ?? 0) };
  const copying = first === null && isAlone ? round : null;
  const details = [
    ...(copying ? [ofAll(copying)] : []),
    ...(first ? [`${formatBytes(first.sent)} copied`] : []),
    ...(first && first.zeroed > 0 ? [`${formatBytes(first.zeroed)} zero`] : []),
    ...(since.sent + since.zeroed > 0 ? [`${formatBytes(since.sent + since.zeroed)} carried over since`] : []),
    ...(rescans > 0 ? [`${formatBytes(differed)} differed in rescans`] : []),
    ...(tracked === false ? ['changes not tracked'] : []),
  ];
  return {
    name: disk.disk,
    total: formatBytes(size),
    replicated: first ? formatBytes(size) : copying ? formatBytes(copying.done) : round ? unknown : nothing,
    rescanned: rescannedText(rescans, size),
    backlog,
    bar: first ? barOf(first, size) : copying ? runningBar(copying) : round ? notTold : nothingYet,
    detail: details.join(', '),
    root: root ?? '',
  };
}

function wholeRow(disks: readonly DiskProgress[], round: RoundInProgress | null, backlog: string): DiskRow {
  const sum = (of: (disk: DiskProgress) => number): number => disks.reduce((total, disk) => total + of(disk), 0);
  const size = sum((disk) => disk.size);
  const isWhole = disks.every(({ first }) => first !== null);
  const first = { sent: sum((disk) => disk.first?.sent ?? 0), zeroed: sum((disk) => disk.first?.zeroed ?? 0) };
  const rescanned = sum((disk) => disk.rescans * disk.size);
  return {
    name: 'All',
    total: formatBytes(size),
    replicated: isWhole ? formatBytes(size) : round ? formatBytes(round.done) : nothing,
    rescanned: formatBytes(rescanned),
    backlog,
    bar: isWhole ? barOf(first, size) : round ? runningBar(round) : nothingYet,
    detail: !isWhole && round ? ofAll(round) : '',
    root: '',
  };
}

// The first round reads what is allocated: its own total, which is less than the size of the disks.
const ofAll = ({ total }: RoundInProgress): string => `of ${formatBytes(total)} to copy`;

const notTold = { sent: 0, zeroed: 0, label: 'how much of it is replicated is told for all disks together' } as const;
const nothingYet = { sent: 0, zeroed: 0, label: 'nothing is replicated yet' } as const;

const runningBar = ({ fraction, kind }: RoundInProgress): DiskRow['bar'] => ({
  sent: fraction,
  zeroed: 0,
  label: `${formatPercent(fraction)} of the ${kind === 'rescan' ? 'rescan' : 'full sync'}`,
});

function barOf({ sent, zeroed }: { readonly sent: number; readonly zeroed: number }, size: number): DiskRow['bar'] {
  const whole = Math.max(1, size, sent + zeroed);
  return {
    sent: sent / whole,
    zeroed: zeroed / whole,
    label: `${formatBytes(sent)} of content and ${formatBytes(zeroed)} of zeros in ${formatBytes(size)}`,
  };
}

const rescannedText = (rescans: number, size: number): string =>
  rescans === 0 ? nothing : `${formatBytes(size)}${rescans === 1 ? '' : ` × ${rescans}`}`;

/** What is known to be missing at the target. What is written while a round runs is known when it is over. */
function backlogOf({ dirty, roundsDone, round: next }: Progress, round: RoundInProgress | null): string {
  if (round) return `${formatBytes(Math.max(0, round.total - round.done))} left`;
  // Which blocks differ is what a rescan is there to find out.
  if (roundsDone === 0 || next?.kind === 'rescan') return unknown;
  return formatBytes(dirty);
}

function figuresOf(
  { consistentAt, downtimeMax, rounds, roundsDone }: Progress,
  { lagMs, forecastMs }: DiskMoment,
): readonly DiskFigure[] {
  const isOver = lagMs === null && rounds.at(-1)?.kind === 'final';
  const of = consistentAt === null ? '' : `the replica shows the source at ${formatTime(consistentAt)}`;
  const budget = downtimeMax === null ? '' : `, which may take ${formatDuration(downtimeMax)}`;
  return [
    {
      name: 'Lag',
      value: isOver ? 'none' : lagMs === null ? unknown : formatDuration(lagMs),
      detail: isOver ? 'the final sync is over' : roundsDone === 0 ? 'no round is complete yet' : of,
    },
    {
      name: 'Forecast downtime',
      value: forecastMs === null || lagMs === null ? unknown : `at least ${formatDuration(forecastMs)}`,
      detail: isOver
        ? 'see Downtime for what it was'
        : forecastMs === null
          ? 'it needs one completed round'
          : `for the final sync${budget}; what follows it comes on top`,
    },
  ];
}
