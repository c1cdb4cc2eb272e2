import { KiB, MiB, seconds } from '#core/units';

/** The bounds of one pipeline. */
export interface PipelineLimits {
  /** Bytes read, being read or sent and not yet acked. Bounds what must be sent again after a crash. */
  readonly windowMax: number;
  /** Chunks in memory. Bounds memory: this many times `chunkMax`. */
  readonly buffersMax: number;
  /** Bytes in one read, and in one data frame. */
  readonly chunkMax: number;
  /** Bytes sent after which they are made durable. */
  readonly flushEvery: number;
}

/**
 * The bounds of live runs. The window covers what a target takes in while it flushes (at 300 MB/s to disk, 64 MiB are
 * 0.2 s of work in hand). 16 buffers keep the source and the target busy at once; chunks half as long cost a tenth more of
 * processor time, and longer ones gain nothing.
 * Four flushes per window, so that acks arrive before it is full.
 */
export const pipelineLimits: PipelineLimits = {
  windowMax: 64 * MiB,
  buffersMax: 16,
  chunkMax: 512 * KiB,
  flushEvery: 16 * MiB,
};

/**
 * The bounds where source and target are of this machine. There is no round trip to fill, so a few chunks keep both busy,
 * and fewer bytes in hand stay in the cache of the processor between reading, digesting and writing. Longer chunks are
 * fewer turns for the same bytes. At the 1 GB/s of such a copy the longer window is the same quarter of a second of work, and
 * a flush, which is two system calls and a record in the journal, comes as often in time as it does elsewhere.
 */
export const pipelineLimitsNear: PipelineLimits = {
  windowMax: 256 * MiB,
  buffersMax: 4,
  chunkMax: MiB,
  flushEvery: 64 * MiB,
};

/** A trickle is made durable this often, so that progress is seen and little is lost. */
export const flushInterval = seconds(1);
