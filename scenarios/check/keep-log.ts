import type { EventLog, ProposedFact, RecordedFact, StreamId } from '#core/event-log/event-log';
import { InvariantError } from '#core/invariant';

// So many appends wait at once for a log that makes them durable together.
const waitingMax = 500;

/** Writes the facts of a run into a log that is empty, in the order in which they happened. */
export async function keepLog(log: EventLog, facts: readonly RecordedFact[]): Promise<void> {
  const batches = batchesOf(facts);
  for (let start = 0; start < batches.length; start += waitingMax) {
    const waiting = batches.slice(start, start + waitingMax);
    const answers = await Promise.all(waiting.map(({ stream, proposed }) => log.append(stream, proposed, 'any')));
    for (const answer of answers)
      if (!answer.ok) throw new InvariantError(`the facts of a run were not kept: ${answer.error.type}`);
  }
}

interface Batch {
  readonly stream: StreamId;
  readonly proposed: ProposedFact[];
}

/** What happened in one stream before something happened in another. */
function batchesOf(facts: readonly RecordedFact[]): readonly Batch[] {
  const batches: Batch[] = [];
  for (const { stream, id, type, data, metadata } of facts) {
    const { previousHash: _chained, ...own } = metadata;
    const last = batches.at(-1);
    const batch = last?.stream === stream ? last : { stream, proposed: [] };
    if (batch !== last) batches.push(batch);
    batch.proposed.push({ id, type, data, metadata: own });
  }
  return batches;
}
