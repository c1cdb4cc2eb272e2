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
    const id = `${stem}${count.toString(16).padStart(12, '0')}` as FactId;
    count += 1;
    return id;
  };
}
