import { formatBytes, formatCount, formatDuration, formatOffset, formatPlural } from '#core/text/format';
import { describeFact } from '#core/migration/timeline';
import { instant, type Instant } from '#core/units';
import type { Comparison, Difference, Divergence, DivergingFact, ForecastError, Measure } from './compare.ts';
import type { PhaseKind } from './phase.ts';
import { tableLines, type Row } from './table.ts';

/** How a comparison is told. */
export interface ComparisonTextOptions {
  /** Columns. */
  readonly width: number;
  /** The most lines of each list. */
  readonly top: number;
}

/** What each phase is called where a person reads it. */
export const phaseNames = {
  verify: 'verification',
  initiate: 'begin of tracking',
  fullSync: 'full sync',
  deltaSync: 'delta syncs',
  rescan: 'rescan',
  parked: 'parked',
  interrupted: 'interrupted',
  test: 'test launch',
  quiesce: 'quiesce',
  finalSync: 'final sync',
  fence: 'fencing',
  fixUp: 'fix-up',
  launch: 'launch',
  connect: 'connection',
  validate: 'validation',
  decide: 'undecided',
  rollBack: 'rollback',
  release: 'release',
  retire: 'retirement',
} as const satisfies Record<PhaseKind, string>;

/** Two runs beside each other, for a person: where they parted, what took how much longer, and the forecast error. */
export function comparisonLines(comparison: Comparison, options: ComparisonTextOptions): readonly string[] {
  const { first, second, pairs } = comparison;
  const head = [
    `first   ${first}`,
    `second  ${second}`,
    `${formatPlural(pairs.length, 'VM')} in both${alone(comparison)}`,
  ];
  if (pairs.length === 0)
    return [...head, 'Nothing can be compared; say which belong together with --pair first=second'];
  return [
    ...head,
    '',
    ...divergenceLines(comparison, options),
    '',
    ...differenceLines(comparison, options),
    ...vmLines(comparison, options),
    ...errorLines(comparison),
  ];
}

function alone({ onlyInFirst, onlyInSecond }: Comparison): string {
  const some = (ids: readonly string[], side: string): string =>
    ids.length === 0 ? '' : `; only in the ${side}: ${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ' ...' : ''}`;
  return `${some(onlyInFirst, 'first')}${some(onlyInSecond, 'second')}`;
}

function divergenceLines({ divergences }: Comparison, { width, top }: ComparisonTextOptions): readonly string[] {
  const [earliest, ...others] = divergences;
  if (!earliest) return ['Both did the same, in the same order.'];
  const more = others.slice(0, Math.max(0, top - 1));
  return [
    `First divergence: ${earliest.vm}, ${afterWhat(earliest)}`,
    ...sideLines('first', earliest.first),
    ...sideLines('second', earliest.second),
    ...(others.length > 0 ? [`  ${formatPlural(others.length, 'more VM', 'more VMs')} did not do the same:`] : []),
    ...more.flatMap((divergence) =>
      fitted(
        `    ${divergence.vm}, ${afterWhat(divergence)}:`,
        `${inShort(divergence.first)} / ${inShort(divergence.second)}`,
        width,
      ),
    ),
    ...(more.length < others.length ? ['    ...'] : []),
  ];
}

const fitted = (head: string, tail: string, width: number): readonly string[] =>
  head.length + 1 + tail.length <= width ? [`${head} ${tail}`] : [head, `      ${tail}`];

const afterWhat = ({ after }: Divergence): string =>
  after === null ? 'from its first fact on' : `after "${describeFact(after).title}"`;
const inShort = (side: DivergingFact | null): string =>
  side === null ? 'nothing more' : describeFact(side.fact).title.toLowerCase();

function sideLines(name: string, side: DivergingFact | null): readonly string[] {
  const head = `  ${name.padEnd(7)}`;
  if (side === null) return [`${head} did nothing more`];
  const { title, detail } = describeFact(side.fact);
  return [
    `${head} ${offsetText(side.offset)}  ${title}`,
    // A reason is never cut: a line of its own, whatever it takes.
    ...(detail === '' ? [] : [`${' '.repeat(12)}${detail}`]),
  ];
}

const zero: Instant = instant(0);
const offsetText = (offset: number): string => formatOffset(zero, instant(offset));

const measureCells = ({ first, second, difference, relative }: Measure): readonly string[] => [
  formatDuration(first),
  formatDuration(second),
  signedDuration(difference),
  signedPercent(relative),
];
const heads = ['first', 'second', 'difference', ''];

function differenceLines({ differences }: Comparison, { width, top }: ComparisonTextOptions): readonly string[] {
  if (differences.length === 0) return ['Every phase took the same.', ''];
  const told = differences.slice(0, top);
  return [
    ...tableLines({
      ...{ title: 'Largest differences', heads, width },
      rows: told.map((one): Row => ({
        subject: one.vm,
        what: phaseText(one),
        cells: measureCells(one.duration),
        note: carriedText(one),
      })),
    }),
    ...(told.length < differences.length
      ? [`  ${differences.length - told.length} more; --top tells more of them`]
      : []),
    '',
  ];
}

function phaseText({ kind, times: [first, second] }: Difference): string {
  const often = first === second ? (first > 1 ? ` x${first}` : '') : ` x${first}, x${second}`;
  return `${phaseNames[kind]}${often}`;
}
const carriedText = ({ carried }: Difference): string =>
  carried === null ? '' : `carried ${formatBytes(carried.first)}, ${formatBytes(carried.second)}`;

function vmLines({ pairs }: Comparison, { width, top }: ComparisonTextOptions): readonly string[] {
  const told = pairs.toSorted((a, b) => Math.abs(b.total.difference) - Math.abs(a.total.difference)).slice(0, top);
  return [
    ...tableLines({
      ...{ title: 'VMs', heads, width },
      rows: told.flatMap(({ vm, total, downtime, ends: [first, second] }): readonly Row[] => [
        {
          subject: vm,
          what: 'total time',
          cells: measureCells(total),
          note: first === second ? first : `${first}, ${second}`,
        },
        { subject: '', what: 'downtime', cells: measureCells(downtime), note: '' },
      ]),
    }),
    ...(told.length < pairs.length ? [`  ${pairs.length - told.length} more; --top tells more of them`] : []),
    '',
  ];
}

const errorLines = ({ error: { total, downtime } }: Comparison): readonly string[] => [
  'The first as a forecast of the second (per cent of the second):',
  `  total time  ${errorText(total)}`,
  `  downtime    ${errorText(downtime)}`,
];

function errorText(error: ForecastError | null): string {
  if (error === null) return 'nothing to compare: no VM of the second run had any';
  const { vms, meanAbsolute, bias } = error;
  const leaning = bias === 0 ? 'no bias' : `bias ${signedPercent(bias)}`;
  return `mean error ${signedPercent(meanAbsolute).replace('+', '')}, ${leaning}, over ${formatPlural(vms, 'VM')}`;
}

const signOf = (n: number): string => (n > 0 ? '+' : n < 0 ? '-' : '');
const signedDuration = (ms: number): string => `${signOf(ms)}${formatDuration(Math.abs(ms))}`;
const percent = (share: number): string => `${(share * 100).toFixed(share > 0 && share < 0.0995 ? 1 : 0)} %`;
const signedPercent = (share: number | null): string => {
  if (share === null) return 'new';
  // Beyond ten times as long, per cent are only many digits.
  return share >= 9 ? `${formatCount(share + 1)} x` : `${signOf(share)}${percent(Math.abs(share))}`;
};
