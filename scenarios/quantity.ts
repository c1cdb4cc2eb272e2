import { z } from 'zod';
import { bytes, bytesPerSecond, instant, millis, ratio, type Instant, type Millis } from '#core/units';

/**
 * Quantities as people write them in a scenario: a number and a unit in one text. The same definition checks the file,
 * makes the pattern for editors, and says what is allowed when a file is wrong.
 */
const number = String.raw`\d+(?:\.\d+)?`;
const sizeUnits: Readonly<Record<string, number>> = {
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
const bitUnits: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, Mbit: 1e6, Gbit: 1e9 };
const timeUnits: Readonly<Record<string, number>> = { ms: 1, s: 1e3, min: 60e3, h: 3_600e3, d: 86_400e3 };
const anyOf = (units: Readonly<Record<string, number>>): string => Object.keys(units).join('|');

interface Kind<T> {
  /** What it is, with its article: `a duration`. */
  readonly what: string;
  readonly examples: readonly string[];
  readonly units?: Readonly<Record<string, number>>;
  readonly pattern: RegExp;
  /** May throw a `RangeError`: out of range. */
  readonly parse: (text: string) => T;
}

/** A text that stands for a value of `T`. */
export type QuantitySchema<T> = z.ZodPipe<z.ZodString, z.ZodTransform<T, string>>;

function quantity<T>({ what, examples, units, pattern, parse }: Kind<T>): QuantitySchema<T> {
  const such = `${what} such as ${examples.map((example) => `"${example}"`).join(' or ')}`;
  const wanted = `must be ${such}${units ? ` (units: ${Object.keys(units).join(', ')})` : ''}`;
  return z
    .string({ error: () => wanted })
    .regex(pattern, { error: () => wanted })
    .meta({ description: `${such[0]?.toUpperCase()}${such.slice(1)}.` })
    .transform((text, context) => {
      try {
        return parse(text);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        context.issues.push({ code: 'custom', input: text, message: `is out of range; it ${wanted}` });
        return z.NEVER;
      }
    });
}

// The pattern has been matched before, so each lookup finds something; NaN would be refused by the constructors.
function inUnits(text: string, units: Readonly<Record<string, number>>): number {
  const [, amount = '', unit = ''] = /^([\d.]+)\s*(\S+)$/.exec(text) ?? [];
  return Math.round(Number(amount) * (units[unit] ?? Number.NaN));
}

/** A length in bytes: `2 GiB`, `500 MB`. */
export const sizeText = quantity({
  what: 'a size',
  examples: ['2 GiB', '500 MB'],
  units: sizeUnits,
  pattern: new RegExp(`^${number} ?(${anyOf(sizeUnits)})$`),
  parse: (text) => bytes(inUnits(text, sizeUnits)),
});

/** A duration, in one unit or several: `30 s`, `1 h 30 min`. */
export const durationText = quantity({
  what: 'a duration',
  examples: ['30 s', '1 h 30 min'],
  units: timeUnits,
  pattern: new RegExp(`^${number} ?(${anyOf(timeUnits)})( ${number} ?(${anyOf(timeUnits)}))*$`),
  parse: parseDuration,
});

function parseDuration(text: string): Millis {
  const parts = text.match(new RegExp(`${number} ?(?:${anyOf(timeUnits)})`, 'g')) ?? [];
  return millis(parts.reduce((sum, part) => sum + inUnits(part, timeUnits), 0));
}

/** A duration longer than nothing. */
export const positiveDurationText = quantity({
  what: 'a duration above zero',
  examples: ['30 s', '1 h 30 min'],
  units: timeUnits,
  pattern: new RegExp(`^${number} ?(${anyOf(timeUnits)})( ${number} ?(${anyOf(timeUnits)}))*$`),
  parse: (text) => {
    const duration = parseDuration(text);
    if (duration === 0) throw new RangeError('zero');
    return duration;
  },
});

const duration = String.raw`${number} ?(${anyOf(timeUnits)})( ${number} ?(${anyOf(timeUnits)}))*`;

/** Seconds from and to: `5 s to 20 s`, or `5 s` for always the same. */
export const spanText = quantity<readonly [from: number, to: number]>({
  what: 'a time from and to',
  examples: ['5 s to 20 s', '5 s'],
  units: timeUnits,
  pattern: new RegExp(`^${duration}( to ${duration})?$`),
  parse: (text) => {
    const [from = '', to = from] = text.split(' to ');
    const span = [parseDuration(from) / 1_000, parseDuration(to) / 1_000] as const;
    if (span[0] > span[1]) throw new RangeError('the wrong way round');
    return span;
  },
});

const byteRate = new RegExp(`^${number} ?(${anyOf(sizeUnits)})/s$`);
const bitRate = new RegExp(`^${number} ?(${anyOf(bitUnits)})(/s)?$`);

/** Bytes per second: `20 MiB/s`, or as networks count, `500 Mbit/s`. */
export const rateText = quantity({
  what: 'a rate',
  examples: ['20 MiB/s', '500 Mbit/s'],
  units: {
    'B/s': 1,
    'kB/s': 1,
    'MB/s': 1,
    'GB/s': 1,
    'KiB/s': 1,
    'MiB/s': 1,
    'GiB/s': 1,
    'kbit/s': 1,
    'Mbit/s': 1,
    'Gbit/s': 1,
  },
  pattern: new RegExp(`${byteRate.source}|${bitRate.source}`),
  parse: (text) => {
    const perSecond = text.replace('/s', '');
    return bytesPerSecond(
      bitRate.test(text) ? Math.round(inUnits(perSecond, bitUnits) / 8) : inUnits(perSecond, sizeUnits),
    );
  },
});

/** A probability or a part of a whole, in per cent: `5 %`. To four decimals. */
export const shareText = quantity({
  what: 'a share',
  examples: ['5 %', '0.1 %'],
  units: { '%': 1 },
  pattern: new RegExp(`^${number} ?%$`),
  parse: (text) => ratio(Math.round(Number(text.replace('%', '').trim()) * 10_000), 1_000_000),
});

/** How many times faster than real time: `60x`. */
export const speedText = quantity({
  what: 'a speed',
  examples: ['60x'],
  pattern: new RegExp(`^${number}x$`),
  parse: (text) => {
    const speed = Number(text.slice(0, -1));
    if (speed < 0.01 || speed > 1_000_000) throw new RangeError('not between 0.01x and 1000000x');
    return speed;
  },
});

const moment = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2}))?Z$/;

/** A moment in UTC: `2026-03-06T18:00:00Z`. */
export const momentText = quantity<Instant>({
  what: 'a moment in UTC',
  examples: ['2026-03-06T18:00:00Z'],
  pattern: moment,
  parse: parseMoment,
});

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

/** An edge of a window as it is written: so long after the start, or what a clock on the wall shows. */
export type WindowEdge =
  | { readonly type: 'after'; readonly duration: Millis }
  /** What the clock shows, as milliseconds since 1970 that it would have shown; where it hangs is said elsewhere. */
  | { readonly type: 'clock'; readonly shown: number };

const clockTime = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}(?::\d{2})?)$/;
const durationPattern = `${number} ?(${anyOf(timeUnits)})( ${number} ?(${anyOf(timeUnits)}))*`;

/** A duration from the start, or a local date and time: `1 h 30 min`, `2026-03-07 22:00`. */
export const windowEdgeText = quantity<WindowEdge>({
  what: 'a duration from the start, or a date and time',
  examples: ['1 h 30 min', '2026-03-07 22:00'],
  units: timeUnits,
  pattern: new RegExp(`^${durationPattern}$|${clockTime.source}`),
  parse: (text) => {
    const [, date, time] = clockTime.exec(text) ?? [];
    if (date === undefined) return { type: 'after', duration: parseDuration(text) };
    return { type: 'clock', shown: parseMoment(`${date}T${time}Z`) };
  },
});

const zone = /^UTC$|^([+-])(\d{2}):(\d{2})$/;

/**
 * How far local time is ahead of UTC, in milliseconds: `+01:00`. Names of zones are not taken: what a clock shows there is
 * in tables that governments change, and a rehearsal must say the same for ever.
 */
export const zoneText = quantity<number>({
  what: 'how far local time is ahead of UTC',
  examples: ['+01:00', 'UTC'],
  pattern: zone,
  parse: (text) => {
    const [, sign, hours = '0', minute = '0'] = zone.exec(text) ?? [];
    if (Number(hours) > 14 || Number(minute) > 59) throw new RangeError('no zone is that far');
    return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minute)) * 60_000;
  },
});
