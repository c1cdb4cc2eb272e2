import { categoryOf, type EventLog } from '#core/event-log/event-log';
import { Refused } from './refused.ts';

/** What a log is of: a run, or the sentinels of a gateway. */
export type LogKind = 'run' | 'sentinels';

/** What a log is of, as its first fact says; undefined as long as it is empty. */
export async function kindOfLog(log: Pick<EventLog, 'readAll'>): Promise<LogKind | undefined> {
  for await (const { stream } of log.readAll()) return categoryOf(stream) === 'sentinel' ? 'sentinels' : 'run';
  return undefined;
}

/** The log itself, if it is that of a run. One of sentinels has nothing to show, compare or go on with: it is closed. */
export async function logOfRun(log: EventLog, path: string): Promise<EventLog> {
  if ((await kindOfLog(log)) !== 'sentinels') return log;
  await log.close();
  throw new Refused(
    `${path} is no log of a run, but of the sentinels of a gateway; tell it with: sealift replay ${path}`,
  );
}
