import type { DeviceError } from '#core/disk/block-device';
import { err, ok, type Result } from '#core/result';
import { MiB } from '#core/units';
import { deviceError } from './device-error.ts';
import type { DoneSome, OpenFile } from './files.ts';

/*
 * Writes to one file, one after the other.
 *
 * The kernel lets one writer at a time into a file, and a second thread spins on its lock: measured, four threads write
 * a fifth slower than one and take a core from everyone else. So writes wait here instead, and those that happen to be
 * neighbours, as those of a full sync are, leave in one call.
 */

/** Writes all of `data` at `at`. Writes are carried out in the order of the calls. */
export type WriteFile = (at: number, data: Uint8Array) => Promise<Result<void, DeviceError>>;

interface Waiting {
  readonly at: number;
  readonly data: Uint8Array;
  readonly done: (outcome: Result<void, DeviceError>) => void;
}

// Enough to make a call cheap. More would only keep those behind it waiting.
const togetherMax = MiB;

/** The one way to write to an open file. */
export function fileWriter(file: Pick<OpenFile, 'write'>): WriteFile {
  const waiting: Waiting[] = [];
  let busy = false;
  const next = (): void => {
    const together = neighbours(waiting);
    const [first] = together;
    busy = first !== undefined;
    if (!first) return;
    writeFully(
      file,
      first.at,
      together.map(({ data }) => data),
      (outcome) => {
        for (const { done } of together) done(outcome);
        next();
      },
    );
  };
  return (at, data) =>
    new Promise((done) => {
      waiting.push({ at, data, done });
      if (!busy) next();
    });
}

/** Takes what is first, and what goes right behind it, off the list. */
function neighbours(waiting: Waiting[]): readonly Waiting[] {
  let count = 0;
  let length = 0;
  for (const { at, data } of waiting) {
    const first = waiting[0];
    if (first && (at !== first.at + length || (count > 0 && length + data.length > togetherMax))) break;
    count += 1;
    length += data.length;
  }
  return waiting.splice(0, count);
}

function writeFully(
  file: Pick<OpenFile, 'write'>,
  at: number,
  parts: readonly Uint8Array[],
  done: (outcome: Result<void, DeviceError>) => void,
): void {
  const left = parts.filter(({ length }) => length > 0);
  if (left.length === 0) return done(ok(undefined));
  const written: DoneSome = (cause, count) => {
    if (cause) {
      const length = left.reduce((sum, part) => sum + part.length, 0);
      return done(err(deviceError(cause, at, length)));
    }
    writeFully(file, at + count, dropFront(left, count), done);
  };
  file.write(left, at, written);
}

/** What is left of consecutive parts once their first `count` bytes are written: a call may write less than all. */
function dropFront(parts: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let over = count;
  const left: Uint8Array[] = [];
  for (const part of parts) {
    if (over < part.length) left.push(part.subarray(over));
    over = Math.max(0, over - part.length);
  }
  return left;
}
