import { err, ok, type Result } from '#core/result';
import { instant, millis, type Instant, type Millis } from '#core/units';

/*
 * Quantities as people write them: a number and a unit in one text. The same definition checks a file, makes the pattern for
 * editors (`quantity.ts`), reads the words of a command line, and says what is allowed when one is wrong. Nothing is loaded
 * for it, since every command starts with what its words are read by.
 */

/** A number without a sign. */
export const number = String.raw`\d+(?:\.\d+)?`;
/** Units of sizes, in bytes. */
export const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
/** Units as networks count, in bits. */
export const bitUnits: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, Mbit: 1e6, Gbit: 1e9 };
/** Units of durations, in milliseconds. */
export const timeUnits: Readonly<Record<string, number>> = { ms: 1, s: 1e3, min: 60e3, h: 3_600e3, d: 86_400e3 };
/** A pattern for any of the units. */
export const anyOf = (units: Readonly<Record<string, number>>): string => Object.keys(units).join('|');

/** A kind of quantity. */
export interface Kind<T> {
  /** What it is, with its article: `a duration`. */
  readonly what: string;
  readonly examples: readonly string[];
  readonly units?: Readonly<Record<string, number>>;
  readonly pattern: RegExp;
  /** May throw a `RangeError`: out of range. */
  readonly parse: (text: string) => T;
}

/** `a duration such as "30 s"`. */
export const suchAs = ({ what, examples }: Pick<Kind<unknown>, 'what' | 'examples'>): string =>
  `${what} such as ${examples.map((example) => `"${example}"`).join(' or ')}`;

/** What a text must be, to be read after its name. */
export const wanted = (kind: Kind<unknown>): string =>
  `must be ${suchAs(kind)}${kind.units ? ` (units: ${Object.keys(kind.units).join(', ')})` : ''}`;

/** Reads a text that the pattern of its kind has matched. The error says that it is out of range, and what it must be. */
export function parsed<T>(kind: Kind<T>, text: string): Result<T, string> {
  try {
    return ok(kind.parse(text));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return err(`is out of range; it ${wanted(kind)}`);
  }
}

/** Reads any text as a quantity of a kind. The error says what it must be. */
export const readQuantity = <T>(kind: Kind<T>, text: string): Result<T, string> =>
  kind.pattern.test(text) ? parsed(kind, text) : err(wanted(kind));

/** A number and its unit as a whole number of the smallest unit. Its pattern was matched before, so the unit is known. */
export function inUnits(text: string, units: Readonly<Record<string, number>>): number {
  const [, amount = '', unit = ''] = /^([\d.]+)\s*(\S+)$/.exec(text) ?? [];
  return Math.round(Number(amount) * (units[unit] ?? Number.NaN));
}

/** A duration, in one unit or several: `30 s`, `1 h 30 min`. */
export const durationKind: Kind<Millis> = {
  what: 'a duration',
  examples: ['30 s', '1 h 30 min'],
  units: timeUnits,
  pattern: new RegExp(`^${number} ?(${anyOf(timeUnits)})( ${number} ?(${anyOf(timeUnits)}))*$`),
  parse: parseDuration,
};

/** Adds up the parts of a duration. */
export function parseDuration(text: string): Millis {
  const parts = text.match(new RegExp(`${number} ?(?:${anyOf(timeUnits)})`, 'g')) ?? [];
  return millis(parts.reduce((sum, part) => sum + inUnits(part, timeUnits), 0));
}

const moment = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2}))?Z$/;

/** A moment in UTC: `2026-03-06T18:00:00Z`. */
export const momentKind: Kind<Instant> = {
  what: 'a moment in UTC',
  examples: ['2026-03-06T18:00:00Z'],
  pattern: moment,
  parse: parseMoment,
};

function parseMoment(text: string): Instant {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (moment.exec(text) ?? [])
    .slice(1)
    .map((part) => Number(part ?? 0));
  const days = daysInMonth(year, month);
  if (year < 1970 || day < 1 || day > days || hour > 23 || minute > 59 || second > 59)
    throw new RangeError('no such moment');
  return instant(((daysSince1970(year, month, day) * 24 + hour) * 60 + minute) * 60_000 + second * 1_000);
}

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
const daysInMonth = (year: number, month: number): number =>
  [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;

// The calendar of ISO 8601, counted out: nothing here may ask the machine for a date.
function daysSince1970(year: number, month: number, day: number): number {
  const before = year - 1;
  const leapDays = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400) - 477;
  let days = (year - 1970) * 365 + leapDays + day - 1;
  for (let earlier = 1; earlier < month; earlier += 1) days += daysInMonth(year, earlier);
  return days;
}
