import type { DeviceError } from '#core/disk/block-device';
import { extentEnd } from '#core/disk/extent';
import { err, ok, type Result } from '#core/result';
import type { GuestStream } from '#replicator/protocol/guest-network';
import { readGuestDiskError, type GuestDiskError } from './data-error.ts';
import type { Answer, FrameTaker, Question, SmallFrame } from './data-frame.ts';
import { dataStream, type StreamTerms } from './data-stream.ts';

/** A question without its number. */
export type QuestionBody = Question extends infer Q ? (Q extends Question ? Omit<Q, 'id'> : never) : never;

/** Asks, and settles with the answer, which is of the kind that answers such a question; `data` was put into `into`. */
export type Ask = (question: QuestionBody, into?: Uint8Array) => Promise<Result<Answer | 'data', GuestDiskError>>;

/** The asking side of a data connection. */
export interface Questions {
  readonly ask: Ask;
  /** Resolves with why, once the connection has ended. Every question is settled then. */
  readonly ended: Promise<DeviceError>;
  close(): void;
}

// Below what a guest allows. With 256 KiB each this is 8 MiB on the way: enough for 1 Gbit/s and 60 ms.
const inFlightMax = 32;

/** A question that is on its way, or waits to be. */
interface Asked {
  readonly question: QuestionBody;
  /** Where what is read goes. Not touched any more once it is settled. */
  readonly into?: Uint8Array;
  readonly settle: (outcome: Result<Answer | 'data', GuestDiskError>) => void;
}

/** Asks over `connection`, which it owns from now on: so many at a time, the others in the order of asking. */
export function questionsOver(connection: GuestStream, terms: StreamTerms): Questions {
  const inFlight = new Map<number, Asked>();
  const waiting: Asked[] = [];
  let lastId = 0;
  let onEnd: (end: DeviceError) => void = () => undefined;
  const ended = new Promise<DeviceError>((resolve) => (onEnd = resolve));
  const next = (): void => {
    while (inFlight.size < inFlightMax) {
      const asked = waiting.shift();
      if (asked === undefined) return;
      // Numbers go round; one that is still open is passed over.
      do lastId = (lastId + 1) >>> 0;
      while (inFlight.has(lastId));
      inFlight.set(lastId, asked);
      stream.send({ id: lastId, ...asked.question });
    }
  };
  const taker = takerOf(inFlight, (id, outcome) => {
    const asked = inFlight.get(id);
    inFlight.delete(id);
    asked?.settle(outcome);
    next();
  });
  const finish = (reason: DeviceError): void => {
    for (const asked of [...inFlight.values(), ...waiting.splice(0)]) asked.settle(err(reason));
    inFlight.clear();
    onEnd(reason);
  };
  const stream = dataStream(connection, taker, finish, terms);
  return {
    ended,
    close: () => stream.close(),
    ask: (question, into) =>
      new Promise((resolve) => {
        if (stream.ended) return resolve(err(stream.ended));
        waiting.push({ question, settle: resolve, ...(into && { into }) });
        next();
      }),
  };
}

/** Takes what a guest says, if it answers what was asked. */
function takerOf(
  inFlight: ReadonlyMap<number, Asked>,
  settle: (id: number, outcome: Result<Answer | 'data', GuestDiskError>) => void,
): FrameTaker {
  return {
    take: (frame: SmallFrame) => {
      if (frame.type === 'keepalive') return undefined;
      const asked = inFlight.get(frame.id);
      if (asked === undefined) return 'an answer to nothing that was asked';
      if (frame.type === 'failed') {
        const error = readGuestDiskError(frame.json);
        if (!error.ok) return error.error;
        settle(frame.id, err(error.value));
        return undefined;
      }
      if (!answersTo(asked.question, frame)) return `${frame.type} in answer to ${asked.question.type}`;
      settle(frame.id, ok(frame));
      return undefined;
    },
    roomFor: (id, length) => {
      const into = inFlight.get(id)?.into;
      if (into === undefined) return 'content that nobody asked for';
      return into.length === length ? into : `${length} bytes, where ${into.length} were asked for`;
    },
    filled: (id) => settle(id, ok('data')),
  };
}

/** Whether a guest may say this to that question. Content comes another way. */
function answersTo(question: QuestionBody, frame: Question | Answer): frame is Answer {
  switch (question.type) {
    case 'open':
      return frame.type === 'opened';
    case 'read':
      return frame.type === 'zero';
    case 'changes': {
      const { start } = question.range;
      // What it tells lies in what was asked, and it tells something, or asking would never end.
      return (
        frame.type === 'extents' &&
        frame.until > start &&
        frame.until <= extentEnd(question.range) &&
        frame.extents.every((one) => one.start >= start)
      );
    }
  }
}
