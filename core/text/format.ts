import type { Instant } from '#core/units';

/**
 * Quantities as a person reads them, the same on a terminal and on a page. Pure, and without a locale: a log looks alike
 * wherever it is read.
 *
 * What is unfinished never reads as finished: a fraction below 1 is never shown as 100 %, and one above 0 never as 0 %.
 */
const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** A length in IEC units with three significant digits: `512 B`, `1.50 KiB`, `64.0 GiB`. */
export function formatBytes(n: number): string {
  let unit = 0;
  let scaled = n;
  // 999.5 and not 1024: `1000 MiB` would need four digits, and a column that jumps in width is hard to watch.
  while (scaled >= 999.5 && unit < binaryUnits.length - 1) {
    scaled /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? String(Math.round(scaled)) : threeDigits(scaled)} ${binaryUnits[unit]}`;
}

const threeDigits = (n: number): string => n.toFixed(n >= 99.95 ? 0 : n >= 9.995 ? 1 : 2);

/** Bytes per second: `118 MiB/s`. */
export const formatRate = (bytesPerSecond: number): string => `${formatBytes(bytesPerSecond)}/s`;

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** A duration by its two largest units: `850 ms`, `4.2 s`, `1 m 05 s`, `2 h 03 m`, `3 d 04 h`. */
export function formatDuration(ms: number): string {
  if (ms < second) return `${Math.round(ms)} ms`;
  // 59.95 s would round to 60.0 s, which is a minute.
  if (ms < minute - 50) return `${(ms / second).toFixed(1)} s`;
  const whole = Math.round(ms / second) * second;
  if (whole < hour) return twoUnits(whole, minute, 'm', second, 's');
  const minutes = Math.round(ms / minute) * minute;
  if (minutes < day) return twoUnits(minutes, hour, 'h', minute, 'm');
  return twoUnits(Math.round(ms / hour) * hour, day, 'd', hour, 'h');
}

const twoUnits = (ms: number, large: number, largeName: string, small: number, smallName: string): string =>
  `${Math.floor(ms / large)} ${largeName} ${twoDigits(Math.floor((ms % large) / small))} ${smallName}`;

const twoDigits = (n: number): string => String(n).padStart(2, '0');

/** How far after the start of a run a moment lies, to the second: `+00:12:03`, `+2d 04:00:00`. Before it: `-00:00:01`. */
export function formatOffset(start: Instant, at: Instant): string {
  const distance = Math.floor(Math.abs(at - start) / second) * second;
  const days = Math.floor(distance / day);
  return `${at < start ? '-' : '+'}${days > 0 ? `${days}d ` : ''}${timeOfDay(distance % day)}`;
}

/** A moment in UTC, to the second: `2026-03-01 12:00:05Z`. */
export function formatTime(at: Instant): string {
  const { year, month, date } = civilDate(Math.floor(at / day));
  return `${String(year).padStart(4, '0')}-${twoDigits(month)}-${twoDigits(date)} ${timeOfDay(at % day)}Z`;
}

const timeOfDay = (ms: number): string =>
  [Math.floor(ms / hour), Math.floor((ms % hour) / minute), Math.floor((ms % minute) / second)]
    .map(twoDigits)
    .join(':');

// Days since 1970-01-01 to a Gregorian date. The year is taken to begin in March, so that the leap day comes last and the
// lengths of months follow one formula. `Date` is not available where virtual time is the only time.
function civilDate(days: number): { year: number; month: number; date: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    date: dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1,
  };
}

/** A fraction of 1: `42 %`. Close to either end with one more digit: `0.3 %`, `99.9 %`. */
export function formatPercent(fraction: number): string {
  const percent = fraction * 100;
  if (percent <= 0) return '0 %';
  if (percent >= 100) return '100 %';
  if (percent < 1) return `${Math.max(0.1, Math.floor(percent * 10) / 10).toFixed(1)} %`;
  return percent > 99 ? `${(Math.floor(percent * 10) / 10).toFixed(1)} %` : `${Math.floor(percent)} %`;
}

/** Time left, or that it cannot be told: `about 4 m 10 s left`. */
export function formatEta(ms: number | null): string {
  if (ms === null) return 'time left unknown';
  return ms < second ? 'almost done' : `about ${formatDuration(ms)} left`;
}

/** A count with thousands apart: `1,234,567`. */
export const formatCount = (n: number): string => String(Math.round(n)).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');

/** A count with its noun: `1 disk`, `12 disks`. */
export const formatPlural = (n: number, one: string, many = `${one}s`): string =>
  `${formatCount(n)} ${n === 1 ? one : many}`;
