import type { MigrationId } from '#core/ids';
import type { Millis } from '#core/units';
import { histogram } from '#simulator/forecast/histogram';
import { brokenLaws, type BrokenLaw } from './broken-laws.ts';
import { courseForecaster, type CourseForecast } from './forecast-course.ts';
import { byRisk, isMissing, memberForecaster, type MemberForecaster, type MemberRisk } from './forecast-members.ts';
import { usageForecaster, type UsageForecast } from './forecast-usage.ts';
import { surprises, type RehearsalSummary } from './rehearsal-summary.ts';
import type { TroubleType } from './trouble.ts';
import { distributionOf, spreadOf, type Distribution, type Spread } from './spread.ts';

/*
 * What many rehearsals of one scenario say together. A summary is folded in and forgotten: what is kept grows with the
 * machines, not with the seeds.
 */

/** What the seeds so far came to. */
export interface Forecast {
  readonly seeds: number;
  /** Seeds in which every member ended as expected; all of them where nothing is expected. */
  readonly asExpected: number;
  /** Whether the scenario says of any VM where it is to end. */
  readonly expects: boolean;
  /** Seeds in which no VM was left for want of time, and the last one had moved before the window closed. */
  readonly inWindow: number;
  /** Seeds in which every VM moved that nobody expected to stay. */
  readonly complete: number;
  /** When cutovers may be, from the start of the wave on; null before the first seed. */
  readonly window: { readonly opens: Millis; readonly closes: Millis } | null;
  /** From the start of the wave until the last VM had moved, of those seeds in which any did. */
  readonly finish: Distribution | null;
  /** From the start of the wave until it was over. */
  readonly duration: Distribution | null;
  /** Of all VMs of all seeds whose services were stopped. */
  readonly downtime: Distribution | null;
  /** How many VMs of a seed had not moved although nobody expected them to stay. */
  readonly left: Spread | null;
  /** VMs in a wave; the most where seeds differ. */
  readonly vms: number;
  /** Most at risk first. */
  readonly members: readonly MemberRisk[];
  readonly course: CourseForecast | null;
  readonly usage: UsageForecast | null;
  readonly worst: WorstSeeds | null;
  /** Laws that were broken, by their numbers. */
  readonly breaches: readonly BrokenLaw[];
}

/** Seeds to look at one by one; of several the lowest. */
export interface WorstSeeds {
  /** Of the longest wave, of the longest downtime, and in which the last VM moved latest. */
  readonly duration: number;
  readonly downtime: number;
  readonly finish: number | null;
  /** Of the most VMs that did not end as expected; null if there were none. */
  readonly surprises: number | null;
}

/** Folds summaries into a forecast. */
export interface Forecaster {
  add(summary: RehearsalSummary): void;
  forecast(): Forecast;
}

/** A forecast of no seeds yet. */
export function forecaster(): Forecaster {
  const members = new Map<MigrationId, MemberForecaster>();
  const [finish, duration, downtime, left] = [histogram(), histogram(), histogram(), histogram()];
  const course = courseForecaster();
  const usage = usageForecaster();
  const most = { duration: extreme(), downtime: extreme(), finish: extreme(), surprises: extreme() };
  const broken = brokenLaws();
  let seeds = 0;
  let asExpected = 0;
  let inWindow = 0;
  let complete = 0;
  let expects = false;
  let vms = 0;
  let window: Forecast['window'] = null;
  return {
    add: (summary) => {
      const { seed, wave } = summary;
      const unexpected = surprises(summary).length;
      seeds += 1;
      window = wave.window;
      if (unexpected === 0) asExpected += 1;
      else most.surprises.offer(unexpected, seed);
      duration.add(wave.duration);
      most.duration.offer(wave.duration, seed);
      if (wave.lastMoved !== null) {
        finish.add(wave.lastMoved);
        most.finish.offer(wave.lastMoved, seed);
      }
      let longest = 0;
      let missing = 0;
      let late = (wave.lastMoved ?? 0) > wave.window.closes;
      for (const member of summary.members) {
        forecasterOf(members, member.migration).add(member, seed);
        if (member.downtime > 0) downtime.add(member.downtime);
        longest = Math.max(longest, member.downtime);
        if (isMissing(member.lifecycle, member.expected)) {
          missing += 1;
          if (member.trouble && wantOfTime.has(member.trouble.type)) late = true;
        }
        if (member.expected !== null) expects = true;
      }
      left.add(missing);
      vms = Math.max(vms, summary.members.length);
      if (!late) inWindow += 1;
      if (missing === 0) complete += 1;
      most.downtime.offer(longest, seed);
      broken.add(summary);
      course.add(summary.course);
      usage.add(summary.usage);
    },
    forecast: () => ({
      ...{ seeds, vms, asExpected, expects, inWindow, complete, window },
      finish: distributionOf(finish),
      duration: distributionOf(duration),
      downtime: distributionOf(downtime),
      left: wholeOf(spreadOf(left)),
      members: [...members].map(([migration, member]) => member.risk(migration)).sort(byRisk),
      course: course.forecast(),
      usage: usage.forecast(),
      breaches: broken.found(),
      worst: seeds === 0 ? null : worstOf(most),
    }),
  };
}

type Extreme = ReturnType<typeof extreme>;

const worstOf = (most: Readonly<Record<keyof WorstSeeds, Extreme>>): WorstSeeds => ({
  duration: most.duration.seed ?? 0,
  downtime: most.downtime.seed ?? 0,
  finish: most.finish.seed,
  surprises: most.surprises.seed,
});

// With a longer window, or more bandwidth, these would have moved.
const wantOfTime: ReadonlySet<TroubleType> = new Set(['windowClosed', 'noTurn', 'notParked', 'notConverging']);

const wholeOf = (spread: Spread | null): Spread | null =>
  spread && {
    p50: Math.round(spread.p50),
    p90: Math.round(spread.p90),
    p99: Math.round(spread.p99),
    largest: spread.largest,
  };

/** The seed with the most of something; of several the lowest, so that it does not matter which was found first. */
function extreme(): { readonly seed: number | null; offer(amount: number, seed: number): void } {
  let most = -1;
  let found: number | null = null;
  return {
    get seed() {
      return found;
    },
    offer: (amount, seed) => {
      if (amount < most || (amount === most && found !== null && seed > found)) return;
      most = amount;
      found = seed;
    },
  };
}

function forecasterOf(members: Map<MigrationId, MemberForecaster>, migration: MigrationId): MemberForecaster {
  const known = members.get(migration);
  if (known) return known;
  const made = memberForecaster();
  members.set(migration, made);
  return made;
}
