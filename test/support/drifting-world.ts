import { threadId } from 'node:worker_threads';
import type { RunBlock } from '#simulator/block/spec';
import { heldOutcome } from './planted-runs.ts';

// What a thread has run before it was asked for the next world.
const before: number[] = [];

/** A module as `sealift check` runs it, with worlds that are not the same twice: one depends on the thread it runs in, one on what ran there before. */
export const runBlock: RunBlock = async ({ seed }) => {
  const drift = seed === 2 ? `thread ${threadId}` : seed === 3 ? before.join() : '';
  before.push(seed);
  return { ...heldOutcome, hash: `world ${seed} ${drift}` };
};
