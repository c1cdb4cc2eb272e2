import type { HypervisorError, SourceHypervisor } from '#core/ports/source-hypervisor';
import { err, type Result } from '#core/result';
import { whileWanted } from './patience.ts';

/** The way to one source's hypervisor, made anew after it was lost. */
export interface SourceConnection {
  /** One call. A connection that turns out to be lost is let go, so that the next call makes a new one. */
  ask<T>(call: SourceCall<T>): Promise<Result<T, HypervisorError>>;
  /**
   * One call that changes nothing, and whose answer nobody needs once `signal` is aborted: it then answers at once.
   * Calls that change something are waited for, or nobody knew what they are still about to do.
   */
  look<T>(call: SourceCall<T>, signal: AbortSignal): Promise<Result<T, HypervisorError>>;
  /** Lets go for good. */
  close(): Promise<void>;
}

/** What is asked of whichever connection there is. */
export type SourceCall<T> = (source: SourceHypervisor) => Promise<Result<T, HypervisorError>>;

/** A connection that is made on the first call. */
export function sourceConnection(connect: () => SourceHypervisor): SourceConnection {
  let current: SourceHypervisor | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const askNow = async <T>(call: SourceCall<T>): Promise<Result<T, HypervisorError>> => {
    const source = (current ??= connect());
    const answer = await call(source);
    if (!answer.ok && isLoss(answer.error) && current === source) {
      current = undefined;
      await source.close();
    }
    return answer;
  };
  // One call at a time: each looks at the source before it changes it, and none may change what another has looked at.
  const ask = <T>(call: SourceCall<T>): Promise<Result<T, HypervisorError>> => {
    const answer = last.then(() => askNow(call));
    last = answer.catch(() => undefined);
    return answer;
  };

  return {
    ask,
    look: (call, signal) => whileWanted(signal, ask(call), abandoned),
    close: async () => {
      const open = current;
      current = undefined;
      await open?.close();
    },
  };
}

const isLoss = ({ type }: HypervisorError): boolean => type === 'Unreachable' || type === 'ProtocolViolation';

// What was abandoned is dropped by whoever asked: the words are for someone who debugs.
const abandoned = err<HypervisorError>({ type: 'Unreachable', operation: 'a query', detail: 'nobody waits for it' });
