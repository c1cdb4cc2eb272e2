import type { HypervisorError, SourceHypervisor } from '#core/ports/source-hypervisor';
import type { Clock } from '#core/clock';
import { err, type Result } from '#core/result';
import { seconds } from '#core/units';
import { deadline } from '#replicator/protocol/deadline';
import { whileWanted } from './patience.ts';

/** The way to one source's hypervisor, made anew after it was lost. */
export interface SourceConnection {
  /**
   * One call. A connection that turns out to be lost is let go, so that the next call makes a new one. Calls that change
   * something are waited for, or nobody knew what they are still about to do. With a signal, only for a moment once that
   * is aborted: whoever does not answer by then may be away for as long as others have patience, as a guest is that was
   * ended by the same Ctrl-C. For calls that are made again by whoever goes on, whatever became of them.
   */
  ask<T>(call: SourceCall<T>, signal?: AbortSignal): Promise<Result<T, HypervisorError>>;
  /** One call that changes nothing, and whose answer nobody needs once `signal` is aborted: it then answers at once. */
  look<T>(call: SourceCall<T>, signal: AbortSignal): Promise<Result<T, HypervisorError>>;
  /** Lets go for good. */
  close(): Promise<void>;
}

/** What is asked of whichever connection there is. */
export type SourceCall<T> = (source: SourceHypervisor) => Promise<Result<T, HypervisorError>>;

/** Longer than anybody who is there takes to close a disk, shorter than whoever pressed Ctrl-C waits. */
const graceMax = seconds(2);

/** A connection that is made on the first call. */
export function sourceConnection(connect: () => SourceHypervisor, clock: Clock): SourceConnection {
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
    ask: (call, signal) => (signal ? withGrace(signal, clock, ask(call)) : ask(call)),
    look: (call, signal) => whileWanted(signal, ask(call), abandoned),
    close: async () => {
      const open = current;
      current = undefined;
      await open?.close();
    },
  };
}

async function withGrace<T>(
  signal: AbortSignal,
  clock: Clock,
  answer: Promise<Result<T, HypervisorError>>,
): Promise<Result<T, HypervisorError>> {
  let wait = (): void => undefined;
  let callOff = (): void => undefined;
  const late = new Promise<Result<T, HypervisorError>>((resolve) => {
    wait = () => void (callOff = deadline(clock, graceMax, () => resolve(abandoned)));
    if (signal.aborted) wait();
    else signal.addEventListener('abort', wait);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    // Nearly every question is answered in time, and a step that asks for minutes would gather a listener for each.
    signal.removeEventListener('abort', wait);
    callOff();
  }
}

const isLoss = ({ type }: HypervisorError): boolean => type === 'Unreachable' || type === 'ProtocolViolation';

// What was abandoned is dropped by whoever asked: the words are for someone who debugs.
const abandoned = err<HypervisorError>({ type: 'Unreachable', operation: 'a query', detail: 'nobody waits for it' });
