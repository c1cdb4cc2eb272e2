import { millis, type Millis } from '#core/units';
import { histogram, type Histogram } from '#simulator/forecast/histogram';
import { coarser, phases, type WaveCourse } from './wave-course.ts';

/** Where members stood over time, over many seeds. */
export interface CourseForecast {
  readonly step: Millis;
  /** From the start on, one for each step. */
  readonly moments: readonly CourseMoment[];
}

/** One moment of many courses. */
export interface CourseMoment {
  /** How many members stand in each phase, in the order of `phases`: the mean over seeds. */
  readonly means: readonly number[];
  /** How many VMs have moved by then: no more than this in a tenth, half and nine tenths of seeds. */
  readonly moved: { readonly p10: number; readonly p50: number; readonly p90: number };
}

interface Moment {
  readonly sums: number[];
  readonly moved: Histogram;
}

const movedAt = phases.indexOf('moved');

/** Lays courses on each other. The same comes of them in whatever order they are added. */
export function courseForecaster(): { add(course: WaveCourse): void; forecast(): CourseForecast | null } {
  let moments: Moment[] = [];
  let step = 0;
  let seeds = 0;
  return {
    add({ step: seedStep, rows: seedRows }) {
      if (seeds === 0) step = seedStep;
      let rows: readonly (readonly number[])[] = seedRows;
      for (let own: number = seedStep; own < step; own *= 2) rows = coarser(rows);
      for (; step < seedStep; step *= 2) moments = coarser(moments);
      const ended = rows.at(-1);
      if (ended === undefined) return;
      // Seeds that had ended by then stand as they ended.
      while (moments.length < rows.length) moments.push(copied(moments.at(-1)));
      seeds += 1;
      moments.forEach(({ sums, moved }, i) => {
        const row = rows[i] ?? ended;
        phases.forEach((_phase, at) => (sums[at] = (sums[at] ?? 0) + (row[at] ?? 0)));
        moved.add(row[movedAt] ?? 0);
      });
    },
    forecast: () =>
      seeds === 0
        ? null
        : {
            step: millis(step),
            moments: moments.map(({ sums, moved }) => ({
              means: sums.map((sum) => sum / seeds),
              moved: { p10: countAt(moved, 0.1), p50: countAt(moved, 0.5), p90: countAt(moved, 0.9) },
            })),
          },
  };
}

const countAt = (moved: Histogram, share: number): number => Math.round(moved.quantile(share));

const copied = (moment: Moment | undefined): Moment => ({
  sums: moment ? [...moment.sums] : phases.map(() => 0),
  moved: moment ? moment.moved.copy() : histogram(),
});
