import { z } from 'zod';
import { bytes, bytesPerSecond, ratio, type Millis } from '#core/units';
import {
  anyOf,
  bitUnits,
  durationKind,
  inUnits,
  momentKind,
  number,
  parsed,
  parseDuration,
  sizeUnits,
  suchAs,
  timeUnits,
  wanted,
  type Kind,
} from './quantity-kinds.ts';
import { parseZone, zonePattern, type TimeZone } from './time-zone.ts';

/** A text that stands for a value of `T`. */
export type QuantitySchema<T> = z.ZodPipe<z.ZodString, z.ZodTransform<T, string>>;

function quantity<T>(kind: Kind<T>): QuantitySchema<T> {
  const such = suchAs(kind);
  const error = () => wanted(kind);
  return z
    .string({ error })
    .regex(kind.pattern, { error })
    .meta({ description: `${such[0]?.toUpperCase()}${such.slice(1)}.` })
    .transform((text, context) => {
      const read = parsed(kind, text);
      if (read.ok) return read.value;
      context.issues.push({ code: 'custom', input: text, message: read.error });
      return z.NEVER;
    });
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
export const durationText = quantity(durationKind);

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

/** A moment in UTC: `2026-03-06T18:00:00Z`. */
export const momentText = quantity(momentKind);

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
    return { type: 'clock', shown: momentKind.parse(`${date}T${time}Z`) };
  },
});

/** Where a clock hangs: how far local time is ahead of UTC, or the name of a zone, which is not looked up yet. */
export const zoneText = quantity<TimeZone>({
  what: 'how far local time is ahead of UTC, or the name of a time zone',
  examples: ['+01:00', 'Europe/Zurich'],
  pattern: zonePattern,
  parse: parseZone,
});
