import { hash } from 'node:crypto';
import { canonicalJson } from '#core/event-log/canonical-json';
import type { EventLog } from '#core/event-log/event-log';

/**
 * One hash over everything a log holds, in the order of its positions: the same for two logs only if the same happened
 * in both. Memory does not grow with the log.
 */
export async function logHash(log: EventLog): Promise<string> {
  let running = '';
  for await (const { stream, id, type, data, metadata } of log.readAll({ asStored: true })) {
    // The link to the fact before says nothing that is not in here, and costs a hash of its own.
    const { previousHash: _link, ...rest } = metadata;
    running = hash('sha256', running + canonicalJson({ stream, id, type, data, metadata: rest }));
  }
  return running;
}
