import { Hono } from 'hono';
import { LogReadError, position, type Position, type RecordedFact } from '#core/event-log/event-log';
import type { FactsPort } from '#web/ports';
import { factStream, type Beat } from './fact-stream.ts';
import { problem } from './problem.ts';
import { readNatural } from './request.ts';

const limitDefault = 1_000;
/** Facts in one answer. A page of this size is a few megabytes and parses in a few frames. */
export const limitMax = 10_000;

/** How the stream of facts lives: what its heartbeats carry, and when the server stops. */
export interface FactRoutesOptions {
  readonly beat: () => Beat;
  readonly stopping: AbortSignal;
  readonly heartbeatMs?: number;
}

/** Gives facts in log order: a page, or all that come. */
export const factRoutes = (log: FactsPort, options: FactRoutesOptions) =>
  new Hono()
    .get('/', async (c) => {
      const after = readNatural(c, 'after', Number.MAX_SAFE_INTEGER);
      if (!after.ok) return problem(c, after.error);
      const limit = readNatural(c, 'limit', limitMax);
      if (!limit.ok) return problem(c, limit.error);
      const from = after.value ?? 0;
      const count = limit.value ?? limitDefault;
      const facts: RecordedFact[] = [];
      try {
        // One more than asked tells whether there are more, without asking the log for its end.
        for await (const fact of log.readAll({ after: position(from), limit: count + 1 })) facts.push(fact);
      } catch (error) {
        if (!(error instanceof LogReadError)) throw error;
        return problem(c, { type: 'LogUnreadable', detail: error.message });
      }
      const page = facts.slice(0, count);
      return c.json({ facts: page, next: page.at(-1)?.position ?? position(from), more: facts.length > count });
    })
    .get('/stream', (c) => {
      const after = readNatural(c, 'after', Number.MAX_SAFE_INTEGER);
      if (!after.ok) return problem(c, after.error);
      return c.body(factStream(log, { ...options, after: resumeAt(c.req.header('last-event-id'), after.value) }), 200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
    });

// A browser that reconnects repeats its first URL and adds where it really was; that is the later of the two.
function resumeAt(lastEventId: string | undefined, after: number | undefined): Position {
  const seen = lastEventId !== undefined && /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : 0;
  return position(Math.max(seen, after ?? 0));
}
