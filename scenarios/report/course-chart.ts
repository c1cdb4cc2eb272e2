import { formatDuration } from '#core/text/format';
import type { CourseForecast } from '#scenarios/forecast-course';
import { phases, type Phase } from '#scenarios/wave-course';
import { countTicks, tickText, type AxisMark } from './axis.ts';
import { chartFrame, unit } from './chart-frame.ts';
import { markup, type Markup } from './markup.ts';

/** The course of a wave to draw, with the edges of its window. */
export interface CourseOptions {
  readonly course: CourseForecast;
  /** Milliseconds from the start. */
  readonly window: { readonly opens: number; readonly closes: number };
  readonly seeds: number;
}

/** The phases in words of people. */
export const phaseWords: Readonly<Record<Phase, string>> = {
  preparing: 'Waiting or preparing',
  syncing: 'Syncing',
  parked: 'Parked',
  cuttingOver: 'Cutting over',
  moved: 'Moved',
  rolledBack: 'Rolled back',
  stuck: 'Stuck (blocked, undecided, failed)',
};

// From the bottom up: what is done lies at the bottom, so that its edge is a curve that rises; what went wrong on top.
const stacked: readonly Phase[] = ['moved', 'cuttingOver', 'parked', 'syncing', 'preparing', 'rolledBack', 'stuck'];
const rowsInTable = 25;

/** How many VMs stand in which phase over time, and between which counts the moved ones lie. */
export function courseChart({ course, window, seeds }: CourseOptions): Markup {
  const { step, moments } = course;
  const members = (moments[0]?.means ?? []).reduce((sum, n) => sum + n, 0);
  const last = (moments.length - 1) * step;
  const until = Math.max(last, window.closes) * 1.02;
  const ticks = countTicks(members, 4).filter((n) => n <= members);
  // Nothing changes after the last moment.
  const times = [...moments.map((_moment, i) => i * step), until];
  const all = [...moments, moments.at(-1)].flatMap((moment) => (moment ? [moment] : []));
  const point = (i: number, count: number): string => `${unit((times[i] ?? 0) / until)},${unit(1 - count / members)}`;
  const curve = (counts: readonly number[]): string => counts.map((count, i) => point(i, count)).join(' ');
  let below = all.map(() => 0);
  const shown = stacked.filter((phase) => all.some(({ means }) => (means[phases.indexOf(phase)] ?? 0) > 0));
  const areas = shown.map((phase) => {
    const above = all.map(({ means }, i) => (below[i] ?? 0) + (means[phases.indexOf(phase)] ?? 0));
    const back = below.map((count, i) => point(i, count)).toReversed();
    below = above;
    return markup`<polygon class="area ${phase}" points="${curve(above)} ${back.join(' ')}"/>`;
  });
  const lines =
    seeds < 2
      ? []
      : (['p10', 'p50', 'p90'] as const).map(
          (share) =>
            markup`<polyline class="halo" points="${curve(all.map(({ moved }) => moved[share]))}"/><polyline class="moved-${share}" points="${curve(all.map(({ moved }) => moved[share]))}"/>`,
        );
  const marks: readonly AxisMark[] = [
    { at: window.opens, text: 'window opens', kind: 'window' },
    { at: window.closes, text: 'window closes', kind: 'window' },
  ];
  const ending = all.at(-1);
  return chartFrame({
    id: 'course',
    title: 'The wave over time',
    lead: markup`How many of ${members} VMs stand in which phase, counted from the start of the wave${seeds > 1 && ', the mean over all seeds; the lines show how many have moved by then in one tenth (P10), half (P50) and nine tenths (P90) of the seeds at most'}. The window is open from ${tickText(window.opens)} to ${tickText(window.closes)}.`,
    description: `an area for each phase. At the end ${stacked
      .map((phase) => [phase, Math.round((ending?.means[phases.indexOf(phase)] ?? 0) * 10) / 10] as const)
      .filter(([, count]) => count > 0)
      .map(([phase, count]) => `${count} ${phaseWords[phase].toLowerCase()}`)
      .join(', ')}, of ${members} VMs.`,
    ...{ from: 0, until, marks },
    levels: ticks.map((count) => ({ share: count / members, text: String(count) })),
    drawn: [...areas, ...lines],
    legend: courseLegend(shown, seeds),
    data: courseTable(course),
  });
}

const courseLegend = (shown: readonly Phase[], seeds: number): Markup => markup`<ul class="legend">
${shown.toReversed().map((phase) => markup`<li><i class="swatch ${phase}"></i>${phaseWords[phase]}</li>`)}
${seeds > 1 && markup`<li><i class="swatch line"></i>Moved, P50</li><li><i class="swatch dashed"></i>P10 and P90</li>`}
</ul>`;

function courseTable({ step, moments }: CourseForecast): Markup {
  const every = Math.max(1, Math.ceil((moments.length - 1) / (rowsInTable - 1)));
  const rows = moments.flatMap(({ means, moved }, i) =>
    i % every === 0 || i === moments.length - 1 ? [{ at: i * step, means, moved }] : [],
  );
  return markup`<table><caption>Mean number of VMs in each phase, and moved ones at most in 10, 50 and 90 % of seeds</caption>
<thead><tr><th scope="col">After</th>${phases.map((phase) => markup`<th scope="col">${phaseWords[phase]}</th>`)}<th scope="col">Moved P10</th><th scope="col">P50</th><th scope="col">P90</th></tr></thead>
<tbody>${rows.map(
    ({ at, means, moved: { p10, p50, p90 } }) =>
      markup`<tr><th scope="row">${at === 0 ? 'Start' : formatDuration(at)}</th>${means.map((count) => markup`<td>${tenths(count)}</td>`)}<td>${p10}</td><td>${p50}</td><td>${p90}</td></tr>
`,
  )}</tbody></table>`;
}

const tenths = (n: number): string => (Number.isInteger(n) ? String(n) : n.toFixed(1));
