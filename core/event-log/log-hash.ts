import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import type { EventLog, RecordedFact } from './event-log.ts';

/** One hash over facts as they come: the same for two runs only if the same happened in both, in the same order. */
export interface FactsHash {
  add(fact: RecordedFact): void;
  digest(): string;
}

/** A hash of no facts yet. */
export function factsHash(): FactsHash {
  const hash = createHash('sha256');
  return {
    add: ({ stream, id, type, data, metadata }) => {
      // The link to the fact before says nothing that is not in here, and costs a hash of its own.
      const { previousHash: _link, ...rest } = metadata;
      hash.update(canonicalJson({ stream, id, type, data, metadata: rest }));
    },
    digest: () => hash.digest('hex'),
  };
}

/** The hash of everything a log holds, in the order of its positions. */
export async function logHash(log: EventLog): Promise<string> {
  const hash = factsHash();
  for await (const fact of log.readAll({ asStored: true })) hash.add(fact);
  return hash.digest();
}
