import { formatBytes, formatDuration, formatPercent } from '#core/text/format';
import { elapsed, type Instant } from '#core/units';
import { splitDowntime } from '#core/migration/downtime';
import type { History } from './history.ts';
import type { ListChoice, SortKey } from './route.ts';
import { healthOrder, type Health, type MigrationRow, type WaveRow } from './row.ts';
import { lifecycleWords, platformWords, replicationWords, waveWords, wordsFor } from './words.ts';

/** How many VMs are how. Every health is there, in the order of `healthOrder`. */
export type HealthCounts = Readonly<Record<Health, number>>;

/** A list of VMs: in groups by wave, or as one. */
export interface FleetView {
  readonly total: number;
  readonly shown: number;
  readonly counts: HealthCounts;
  readonly groups: readonly FleetGroup[];
  /** Those a person is asked about, whatever is filtered. */
  readonly asking: readonly MigrationRow[];
}

/** One wave with those of its members that are shown, or the VMs without a wave. */
export interface FleetGroup {
  readonly wave: WaveRow | null;
  readonly rows: readonly MigrationRow[];
  /** Of all members, shown or not. */
  readonly counts: HealthCounts;
  readonly total: number;
}

/** The fleet at a moment, as chosen. Waves in the order of their windows; members in the order of the plan. */
export function fleetAt(history: History, index: number, choice: ListChoice): FleetView {
  const rows = history.rowsAt(index);
  const waves = history
    .waveRowsAt(index)
    .toSorted(
      (a, b) =>
        (a.plan?.window.opens ?? 0) - (b.plan?.window.opens ?? 0) || a.id.localeCompare(b.id, 'en', { numeric: true }),
    );
  const byId = new Map<string, MigrationRow>(rows.map((row) => [row.id, row]));
  const grouped: { wave: WaveRow | null; rows: readonly MigrationRow[] }[] = waves.map((wave) => ({
    wave,
    rows: membersOf(wave, byId),
  }));
  const inWave = new Set(grouped.flatMap((group) => group.rows));
  const alone = rows.filter((row) => !inWave.has(row));
  if (alone.length > 0) grouped.push({ wave: null, rows: alone });
  const wanted = matches(choice);
  const filters = choice.search !== '' || choice.show !== 'all';
  const groups = grouped
    .map((group) => ({
      wave: group.wave,
      rows: sorted(group.rows.filter(wanted), choice.sort),
      counts: countHealth(group.rows),
      total: group.rows.length,
    }))
    .filter((group) => group.rows.length > 0 || !filters);
  return {
    total: rows.length,
    shown: groups.reduce((sum, group) => sum + group.rows.length, 0),
    counts: countHealth(rows),
    groups,
    asking: rows.filter(({ health }) => health === 'asks'),
  };
}

/** The members of a wave in the order of its plan; those that have not been drafted yet are left out. */
export const membersOf = ({ plan }: WaveRow, byId: ReadonlyMap<string, MigrationRow>): readonly MigrationRow[] =>
  plan?.members.flatMap(({ migration }) => byId.get(migration) ?? []) ?? [];

/** Counts rows by health. */
export function countHealth(rows: readonly MigrationRow[]): HealthCounts {
  const counts: Record<Health, number> = { asks: 0, down: 0, troubled: 0, moving: 0, parked: 0, still: 0, moved: 0 };
  for (const { health } of rows) counts[health] += 1;
  return counts;
}

function matches({ search, show }: ListChoice): (row: MigrationRow) => boolean {
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return (row) => {
    if (show !== 'all' && row.health !== show) return false;
    if (words.length === 0) return true;
    const text = [
      row.id,
      row.name,
      wordsFor(platformWords, row.platform),
      row.guest,
      wordsFor(lifecycleWords, row.lifecycle),
      wordsFor(replicationWords, row.replication),
      row.note,
    ]
      .join(' ')
      .toLowerCase();
    return words.every((word) => text.includes(word));
  };
}

const sorters: { readonly [K in Exclude<SortKey, 'plan'>]: (a: MigrationRow, b: MigrationRow) => number } = {
  attention: (a, b) => healthOrder.indexOf(a.health) - healthOrder.indexOf(b.health),
  name: (a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }),
  progress: (a, b) => (b.fraction ?? -1) - (a.fraction ?? -1),
  lag: (a, b) => (a.consistentAt ?? Infinity) - (b.consistentAt ?? Infinity),
  forecast: (a, b) => (b.forecastMs ?? -1) - (a.forecastMs ?? -1),
  size: (a, b) => b.sizeBytes - a.sizeBytes,
};

const sorted = (rows: readonly MigrationRow[], key: SortKey): readonly MigrationRow[] =>
  key === 'plan' ? rows : rows.toSorted(sorters[key]);

/** What each health is called. */
export const healthWords: Readonly<Record<Health, string>> = {
  asks: 'Needs you',
  down: 'Down now',
  troubled: 'Troubled',
  moving: 'Copying',
  parked: 'Parked',
  still: 'Waiting',
  moved: 'Moved',
};

/** How many are how, as part of a sentence: `2 need you`. */
export const countedHealth = (health: Health, count: number): string =>
  health === 'asks' && count !== 1 ? 'need you' : healthWords[health].toLowerCase();

/** A row in words and numbers, as its cells show it at `now`. */
export interface RowCells {
  readonly lifecycle: string;
  readonly replication: string;
  /** Beside the bar: `42 %, about 3 m left`. */
  readonly progress: string;
  readonly lag: string;
  readonly dirty: string;
  readonly forecast: string;
  readonly budget: string;
  readonly fits: boolean | null;
  readonly downtime: string;
  readonly downtimeRuns: boolean;
}

/** The cells of a row. */
export function cellsOf(row: MigrationRow, now: Instant): RowCells {
  const behind = row.consistentAt !== null && row.replication !== 'held' && row.replication !== 'stopped';
  const downtime = row.downtime === null ? null : splitDowntime(row.downtime, now);
  return {
    lifecycle: wordsFor(lifecycleWords, row.lifecycle),
    replication: wordsFor(replicationWords, row.replication),
    progress: row.fraction === null ? '' : progressText(row.fraction, row.etaMs),
    lag: behind && row.consistentAt !== null ? formatDuration(elapsed(row.consistentAt, now)) : '',
    dirty: behind ? formatBytes(row.dirtyBytes) : '',
    forecast: row.forecastMs === null || !behind ? '' : formatDuration(row.forecastMs),
    budget: row.budgetMs === null ? '' : formatDuration(row.budgetMs),
    fits: row.forecastMs === null || row.budgetMs === null ? null : row.forecastMs <= row.budgetMs,
    downtime: downtime === null || downtime.total === 0 ? '' : formatDuration(downtime.total),
    downtimeRuns: row.downtime !== null && row.downtime.began !== null && row.downtime.ended === null,
  };
}

const progressText = (fraction: number, etaMs: number | null): string =>
  etaMs === null || fraction === 0
    ? formatPercent(fraction)
    : `${formatPercent(fraction)}, ${formatDuration(etaMs)} left`;

/** A wave in words: its state, and how its window lies to `now`. */
export interface WaveCells {
  readonly state: string;
  readonly window: string;
}

/** The words of a wave. */
export function waveCells({ state, plan, ended }: WaveRow, now: Instant): WaveCells {
  const words = wordsFor(waveWords, state);
  if (!plan) return { state: words, window: '' };
  const { opens, closes } = plan.window;
  const length = formatDuration(closes - opens);
  if (ended) return { state: words, window: `window of ${length}` };
  if (now < opens) return { state: words, window: `opens in ${formatDuration(opens - now)}, for ${length}` };
  return now < closes
    ? { state: words, window: `closes in ${formatDuration(closes - now)}, of ${length}` }
    : { state: words, window: `closed ${formatDuration(now - closes)} ago` };
}
