import { minutes } from '#core/units';
import { nearestWord } from './nearest-word.ts';
import { momentKind } from './quantity-kinds.ts';

/** Where a clock on the wall hangs: so far ahead of UTC in milliseconds, or a place whose rules change over the year. */
export type TimeZone =
  { readonly type: 'offset'; readonly ahead: number } | { readonly type: 'named'; readonly name: string };

/** Offsets and names as they are written: `+01:00`, `UTC`, `Europe/Zurich`. */
export const zonePattern = /^UTC$|^([+-])(\d{2}):(\d{2})$|^[A-Z][A-Za-z_]+(\/[A-Za-z0-9_+-]+)+$/;

/** Reads what `zonePattern` matches. Throws a `RangeError` for an offset that no zone has. Names are not looked up. */
export function parseZone(text: string): TimeZone {
  const [, sign, hours, minute] = zonePattern.exec(text) ?? [];
  if (sign === undefined) return text === 'UTC' ? { type: 'offset', ahead: 0 } : { type: 'named', name: text };
  if (Number(hours) > 14 || Number(minute) > 59) throw new RangeError('no zone is that far');
  return { type: 'offset', ahead: (sign === '-' ? -1 : 1) * minutes(Number(hours) * 60 + Number(minute)) };
}

/** What is wrong with the name of a zone: it is not in the IANA time zone database that comes with Node. */
export function zoneProblem(zone: TimeZone): string | undefined {
  if (zone.type === 'offset') return undefined;
  try {
    showing(zone.name);
    return undefined;
  } catch (error) {
    // Said of a time zone that is not known; the message differs from one engine to the next.
    if (!(error instanceof RangeError)) throw error;
    const near = nearestWord(zone.name, Intl.supportedValuesOf('timeZone'));
    return `names no time zone that is known here${near === undefined ? '; write it as an offset such as +01:00' : `; did you mean ${near}?`}`;
  }
}

/**
 * The moments, in milliseconds since 1970, at which a clock in a zone shows `shown` (what it shows, read as if it were UTC).
 * One as a rule; none while clocks are put forward, two while they are put back. In order.
 */
export function momentsShowing(zone: TimeZone, shown: number): readonly number[] {
  if (zone.type === 'offset') return [shown - zone.ahead];
  const show = showing(zone.name);
  // Rules change at one moment: a day before and a day after it are what can hold around it.
  const offsets = new Set([-day, 0, day].map((apart) => show(shown + apart) - (shown + apart)));
  const moments = [...offsets].map((ahead) => shown - ahead);
  return moments.filter((moment) => show(moment) === shown).toSorted((a, b) => a - b);
}

const day: number = minutes(24 * 60);

/** What a clock shows at a moment, as milliseconds since 1970 in UTC that would show the same. */
function showing(name: string): (moment: number) => number {
  const clock = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone: name, calendar: 'gregory', numberingSystem: 'latn', hourCycle: 'h23' },
    ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' },
  });
  return (moment) => {
    const parts = new Map(clock.formatToParts(moment).map(({ type, value }) => [type, value]));
    const [year, month, dayOfMonth, hour, minute, second] = ['year', 'month', 'day', 'hour', 'minute', 'second'].map(
      (part) => parts.get(part as Intl.DateTimeFormatPartTypes) ?? '',
    );
    return momentKind.parse(`${year}-${month}-${dayOfMonth}T${hour}:${minute}:${second}Z`);
  };
}
