import type { DeviceError } from '#core/disk/block-device';
import { bytes, offset } from '#core/units';
import type { ReadCoverage } from './read-coverage.ts';
import { errno, type Command } from './wire.ts';

/** One request on the wire, from its sending to its last reply. */
export interface InFlight {
  readonly command: Command;
  readonly at: number;
  readonly length: number;
  /** READ: where the data goes. Exactly `length` bytes. */
  readonly into?: Uint8Array;
  /** READ with structured replies: what has arrived. */
  readonly coverage?: ReadCoverage;
  /** BLOCK_STATUS: what each context said, by its id on this connection. */
  readonly statuses?: Map<number, StatusRuns>;
  /** The first error the server gave for it. */
  failure: DeviceError | undefined;
  /** How many it gave. */
  errors?: number;
  /** Called exactly once, after which the caller's buffer is not touched any more. */
  readonly settle: (failure: DeviceError | undefined) => void;
}

/** What one context said about a request: neighbours with the same flags are one run. */
export interface StatusRuns {
  /** In order from the start of the request: `[length, flags, length, flags, ...]`, `runsMax` of them at most. */
  readonly list: number[];
  /** The sum of the lengths in `list`. */
  kept: number;
  /** The sum of all lengths that were sent. Beyond the request where the last one is. */
  total: number;
}

// A server may send a million runs. What is beyond this is asked for again, so memory stays bounded.
export const runsMax = 1 << 16;

/** Nothing was said yet. */
export const noRuns = (): StatusRuns => ({ list: [], kept: 0, total: 0 });

/** Adds one run, or forgets it if there are too many. */
export function addRun(runs: StatusRuns, length: number, flags: number): void {
  const { list } = runs;
  // Once one was forgotten, all that follow are: what is kept has no gaps.
  const whole = runs.kept === runs.total;
  runs.total += length;
  if (!whole) return;
  if (list.length > 0 && list[list.length - 1] === flags) list[list.length - 2] = (list[list.length - 2] ?? 0) + length;
  else if (list.length < 2 * runsMax) list.push(length, flags);
  else return;
  runs.kept += length;
}

const call = new Map<number, string>([
  [0, 'read'],
  [1, 'write'],
  [3, 'flush'],
  [6, 'zero'],
  [7, 'extents'],
]);

/** What an error number of the server means for the caller. `words` are the server's own, if it had any. */
export function deviceErrorOf(code: number, request: InFlight, words: string): DeviceError {
  const at = offset(request.at);
  const length = bytes(request.length);
  const name = call.get(request.command) ?? 'call';
  const detail = (meaning: string) => (words === '' ? meaning : `${meaning}: ${words}`);
  switch (code) {
    case errno.permission:
      return { type: 'ReadOnly', detail: detail(`the server does not permit this ${name}`) };
    case errno.noSpace:
      return { type: 'NoSpace', at, length, detail: detail('the server has no space left') };
    case errno.invalid:
      return { type: 'InvalidRange', at, length, detail: detail(`the server calls this ${name} invalid`) };
    case errno.notSupported:
      return { type: 'Unsupported', call: name };
    case errno.shutdown:
      return { type: 'ConnectionLost', detail: detail('the server is shutting down') };
    case errno.io:
      return { type: 'IoError', at, length, detail: detail(`the server failed the ${name}`) };
    case errno.noMemory:
      return { type: 'IoError', at, length, detail: detail(`the server has no memory for the ${name}`) };
    case errno.overflow:
      return { type: 'IoError', at, length, detail: detail(`the ${name} is too big for the server`) };
    default:
      return { type: 'IoError', at, length, detail: detail(`the server failed the ${name} with error ${code}`) };
  }
}
