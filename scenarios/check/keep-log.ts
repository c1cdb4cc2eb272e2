import type { EventLog, ProposedFact, RecordedFact } from '#core/event-log/event-log';
import { InvariantError } from '#core/invariant';

/** Writes the facts of a run into a log that is empty, in the order in which they happened. */
export async function keepLog(log: EventLog, facts: readonly RecordedFact[]): Promise<void> {
  for (const { stream, id, type, data, metadata } of facts) {
    const { previousHash: _chained, ...own } = metadata;
    const proposed: ProposedFact = { id, type, data, metadata: own };
    const appended = await log.append(stream, [proposed], 'any');
    if (!appended.ok) throw new InvariantError(`a fact of ${stream} was not kept: ${appended.error.type}`);
  }
}
