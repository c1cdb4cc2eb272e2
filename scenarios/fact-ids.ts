import { factId, type FactId } from '#core/ids';
import type { Rng } from '#core/rng';

/**
 * Names for the facts of one stream: UUIDs in form, whose last group counts. One draw serves a stream, and a rehearsal has
 * half a million facts.
 */
export function factIds(rng: Rng): () => FactId {
  const stem = rng.uuid().slice(0, 24);
  let count = 0;
  factId(`${stem}000000000000`);
  return () => {
    const digits = count.toString(16);
    count += 1;
    return `${stem}${zeros.slice(digits.length)}${digits}` as FactId;
  };
}

const zeros = '000000000000';

/**
 * One name for all facts, for a rehearsal whose facts nobody sees and no log keeps. Nothing that happens in one depends on
 * what its facts are called, and each stream of names draws from chance of its own.
 */
export const unseen: () => FactId = () => factUnseen;
const factUnseen = factId('unseen');
