import { InvalidArgumentError } from 'commander';
import type { Instant, Millis } from '#core/units';
import { durationKind, momentKind, readQuantity } from '#scenarios/quantity-kinds';

/** A whole number, 0 included. */
export function naturalOf(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) throw new InvalidArgumentError('It is a whole number.');
  return number;
}

/** A factor of time: `60x`, or `max` for as fast as can be. */
export function speedOf(text: string): number {
  if (text === 'max') return Infinity;
  const speed = Number(/^(\d+(?:\.\d+)?)x?$/.exec(text)?.[1]);
  if (!(speed > 0)) throw new InvalidArgumentError('It is a factor above 0 such as 60x, or max.');
  return speed;
}

/** A port to listen on; 0 stands for a free one. */
export function portOf(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError('A port is 0 to 65535.');
  return port;
}

/** A duration: `30 min`, `1 h 30 min`. */
export function durationOf(text: string): Millis {
  const read = readQuantity(durationKind, text);
  if (!read.ok) throw new InvalidArgumentError(`It ${read.error}`);
  return read.value;
}

/** A moment in UTC, or the word `now`. */
export function momentOf(text: string): Instant | 'now' {
  if (text === 'now') return text;
  const read = readQuantity(momentKind, text);
  if (!read.ok) throw new InvalidArgumentError(`It ${read.error}, or now`);
  return read.value;
}
