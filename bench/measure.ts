import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { appendFileSync, closeSync, openSync, writeSync } from 'node:fs';
import { MiB } from '#core/units';

/** The middle of an odd number of values, or of the two in the middle the higher. */
export function median(values: readonly number[]): number {
  const middle = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  if (middle === undefined) throw new RangeError('a median needs at least one value');
  return middle;
}

/** Writes a file of random bytes, which no compression and no zero detection makes smaller. */
export function writeRandom(path: string, sizeMib: number): void {
  const file = openSync(path, 'w');
  const block = Buffer.alloc(MiB);
  for (let n = 0; n < sizeMib; n += 1) writeSync(file, randomFillSync(block));
  closeSync(file);
}

/** Adds one line to the history: what was measured, at which commit. */
export function appendHistory(bench: string, result: object): void {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  appendFileSync('bench/history.ndjson', `${JSON.stringify({ bench, commit, ...result })}\n`);
}
