import type { Instant } from '#core/units';
import type { Forecast } from '#scenarios/forecast';

/** What a report tells of. Everything that is text may come from a file of a stranger. */
export interface ReportInput {
  readonly scenario: { readonly id: string; readonly title: string; readonly why: string; readonly starts: Instant };
  /** The scenario file, as it was named when the command was given. */
  readonly file: string;
  readonly version: string;
  /** The first seed, and how many were asked for. */
  readonly first: number;
  readonly asked: number;
  readonly forecast: Forecast;
  /** Seeds of which not the same happened twice; null where nobody compared. */
  readonly differing: readonly number[] | null;
  readonly expectations?: readonly ReportExpectation[];
  readonly assumptions?: readonly ReportAssumption[];
}

/** What the scenario expects, and whether it came true. */
export interface ReportExpectation {
  readonly text: string;
  /** How likely it has to be, and what was seen, in words. */
  readonly required: string;
  readonly observed: string;
  /** `undecided`: too few seeds to tell. */
  readonly verdict: 'met' | 'notMet' | 'undecided';
}

/** What the simulated world takes for granted. */
export interface ReportAssumption {
  readonly name: string;
  readonly value: string;
  /** Where it comes from, or the word `assumed`. */
  readonly source: string;
}
