import type { SentinelId } from '#core/ids';
import type { GuestAgentError } from '#core/ports/guest-agent';
import { err, type Result } from '#core/result';
import { readAnswer, type Answers, type Asks, type AskGuest, type CallName } from '#replicator/sentinel/control/calls';
import type { Line, LineEnd } from '#replicator/sentinel/control/line';
import type { GatewayWord, Heartbeat, SentinelWord } from '#replicator/sentinel/control/words';

/** What a sentinel said of itself when it came. */
export type Greeting = Extract<SentinelWord, { type: 'Hello' }>;

/** One control connection of a sentinel, at its gateway. */
export interface GuestSession {
  readonly sentinel: SentinelId;
  /** Its number in the life of the sentinel. */
  readonly connection: number;
  readonly greeting: Greeting;
  /** The last one. */
  readonly heartbeat: Heartbeat | undefined;
  /** An answer that is lost with the connection is `Unreachable`: whether it was done is not known. */
  readonly ask: AskGuest;
  /** Resolves, with the reason, when the connection has ended. */
  readonly ended: Promise<string>;
  end(why: string): Promise<void>;
}

// Calls at once. More than a manager has; each holds its answer, up to the longest message.
const callsMax = 64;

/** Talks to a sentinel that was admitted, until the connection ends. `onRotate` issues a certificate for its next key. */
export function guestSession(
  line: Line<SentinelWord, GatewayWord>,
  who: Pick<GuestSession, 'sentinel' | 'connection' | 'greeting'>,
  onRotate: (word: Extract<SentinelWord, { type: 'Rotate' }>) => Promise<Result<string, string>>,
): GuestSession {
  const questions = openQuestions((word) => line.say(word));
  let heartbeat: Heartbeat | undefined;
  let goodbye: string | undefined;
  const take = (word: SentinelWord): void => {
    switch (word.type) {
      case 'Heartbeat':
        heartbeat = word.heartbeat;
        return line.say({ type: 'Alive' });
      case 'Rotate':
        return void onRotate(word).then((issued) =>
          issued.ok ? line.say({ type: 'Rotated', certificate: issued.value }) : line.refuse(issued.error),
        );
      case 'Answer':
      case 'AnswerFailed': {
        const wrong = questions.answer(word);
        return wrong === undefined ? undefined : line.refuse(wrong);
      }
      case 'Goodbye':
        goodbye = word.why;
        return void line.close();
      case 'Failed':
        goodbye = `it was told something wrong: ${word.detail}`;
        return void line.close();
      case 'Enrol':
      case 'Hello':
        return line.refuse(`${word.type} out of turn`);
    }
  };
  const ended = new Promise<string>((resolve) => {
    line.listen({
      onSaid: take,
      onEnd: (end) => {
        const why = goodbye ?? detailOf(end);
        questions.close(why);
        resolve(why);
      },
    });
  });
  return {
    ...who,
    get heartbeat() {
      return heartbeat;
    },
    ask: questions.ask,
    ended,
    end: (why) => {
      goodbye ??= why;
      line.say({ type: 'Goodbye', why });
      return line.close();
    },
  };
}

interface Questions {
  readonly ask: AskGuest;
  /** What is wrong with an answer, in a sentence. */
  answer(word: Extract<SentinelWord, { type: 'Answer' | 'AnswerFailed' }>): string | undefined;
  close(why: string): void;
}

/** Questions that were asked on one connection and not answered. */
function openQuestions(say: (word: GatewayWord) => void): Questions {
  const waiting = new Map<
    number,
    { readonly call: CallName; resolve(result: Result<unknown, GuestAgentError>): void }
  >();
  let nextId = 1;
  let closed = false;
  const ask = <C extends CallName>(call: C, asks: Asks<C>): Promise<Result<Answers<C>, GuestAgentError>> => {
    if (closed) return Promise.resolve(err({ type: 'Unreachable', operation: call, detail: 'it is not connected' }));
    if (waiting.size >= callsMax)
      return Promise.resolve(err({ type: 'Refused', operation: call, detail: 'too much is asked of it at once' }));
    const id = nextId++;
    return new Promise((resolve) => {
      // What arrives was read with the shape of this very call.
      waiting.set(id, { call, resolve: (result) => resolve(result as Result<Answers<C>, GuestAgentError>) });
      say({ type: 'Ask', id, call, asks });
    });
  };
  return {
    ask,
    answer: (word) => {
      const asked = waiting.get(word.id);
      if (!asked) return 'it answers what was not asked';
      waiting.delete(word.id);
      const answer = word.type === 'AnswerFailed' ? err(word.error) : readAnswer(asked.call, word.value);
      asked.resolve(answer);
      return answer.ok || word.type === 'AnswerFailed' ? undefined : 'its answer is not understood';
    },
    close: (why) => {
      closed = true;
      const detail = `the connection ended before it answered (${why})`;
      for (const { call, resolve } of waiting.values()) resolve(err({ type: 'Unreachable', operation: call, detail }));
      waiting.clear();
    },
  };
}

const detailOf = (end: LineEnd): string => (end.type === 'Closed' ? 'closed' : end.detail);
