import { abortedWith, calledOff } from '#core/called-off';
import { err, ok, type Result } from '#core/result';
import type { Millis } from '#core/units';
import type { ReplicationError, ReplicationPath, RoundProgress, RunOptions } from '#replicator/pipeline/replication';
import type { Message } from '#replicator/protocol/message';
import { patienceDefault, withReconnects, type Attempt } from '#replicator/protocol/reconnect';
import { wallClock } from '#replicator/wall-clock';
import { gatewayLine, type GatewayLine, type GatewayPlace } from './ask-gateway.ts';

/** How a gateway is reached, and for how long. */
export type GatewayPathOptions = GatewayPlace & {
  /** How long a gateway that is gone is tried again before a round fails. */
  readonly patience?: Millis;
  /** How it is asked, where others ask this gateway as well: so they share its connections. */
  readonly line?: GatewayLine;
};

/**
 * From sources that a gateway can open to replicas that its receiver writes. A connection that is lost is made again
 * and the round continued; rounds at the same time have connections of their own.
 */
export function gatewayPath(options: GatewayPathOptions): ReplicationPath {
  const { line = gatewayLine(options) } = options;
  /** What runs, and what calls it off. */
  const running = new Map<Promise<unknown>, AbortController>();
  let isClosed = false;
  const clock = options.clock ?? wallClock;
  const patience = options.patience ?? patienceDefault;
  const during = <T>(
    given: AbortSignal | undefined,
    work: (signal: AbortSignal) => (attempt: Attempt) => Promise<Result<T, ReplicationError>>,
  ): Promise<Result<T, ReplicationError>> => {
    const { controller, letGo } = abortedWith(given);
    const { signal } = controller;
    if (isClosed) controller.abort(calledOff);
    const done = withReconnects({ clock, patience, signal }, work(signal));
    running.set(done, controller);
    void done.finally(() => {
      letGo();
      running.delete(done);
    });
    return done;
  };
  return {
    run: (job, run = {}) => {
      const shown = monotone(run.onProgress);
      let overwrite = job.overwrite ?? false;
      return during(run.signal, (signal) => async (attempt) => {
        const question = {
          type: 'Run',
          job: { ...job, overwrite },
          limit: run.throttle?.limit ?? 'unlimited',
        } as const;
        const answer = await line.ask(question, { ...run, signal }, (progress) => {
          // The gateway has opened the target: asking again must not lose what it does from here on.
          overwrite = false;
          if (shown(progress)) attempt.progressed();
        });
        if (!answer.ok) return answer;
        return answer.value.type === 'Report' ? ok(answer.value.report) : unexpected(answer.value);
      });
    },
    compare: ({ session, disk, source, target }, run = {}) =>
      during(run.signal, (signal) => async (attempt) => {
        const question = { type: 'Compare', session, disk, source, target } as const;
        const answer = await line.ask(question, { ...run, signal }, (progress) => {
          attempt.progressed();
          run.onProgress?.(progress);
        });
        if (!answer.ok) return answer;
        return answer.value.type === 'Compared' ? ok(answer.value.comparison) : unexpected(answer.value);
      }),
    inspect: ({ session, disk, target }) =>
      during(undefined, (signal) => async () => {
        const question = { type: 'Inspect', session, disk, target } as const;
        const answer = await line.ask(question, { signal }, () => undefined);
        if (!answer.ok) return answer;
        return answer.value.type === 'Inspected' ? ok(answer.value.progress) : unexpected(answer.value);
      }),
    close: async () => {
      isClosed = true;
      for (const controller of running.values()) controller.abort(calledOff);
      await Promise.allSettled(running.keys());
      await line.close();
    },
  };
}

const unexpected = (answer: Message): Result<never, ReplicationError> =>
  err({ type: 'ProtocolViolation', peer: 'gateway', detail: `it answers ${answer.type}` });

/** Passes on what is further than anything before: a gateway that starts anew counts from the beginning. */
function monotone(onProgress: RunOptions['onProgress']): (progress: RoundProgress) => boolean {
  let last: RoundProgress | undefined;
  return (progress) => {
    if (last && (progress.done < last.done || progress.total < last.total)) return false;
    const grew = !last || progress.done > last.done;
    last = {
      ...progress,
      read: progress.read > (last?.read ?? 0) ? progress.read : (last?.read ?? progress.read),
      sent: progress.sent > (last?.sent ?? 0) ? progress.sent : (last?.sent ?? progress.sent),
    };
    onProgress?.(last);
    return grew;
  };
}
