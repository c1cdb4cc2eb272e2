import type { Clock } from '#core/clock';
import { describeGuestAgentError } from '#core/ports/guest-agent';
import { millis, type Millis } from '#core/units';
import type { Line, LineEnd } from '#replicator/sentinel/control/line';
import type { GatewayWord, Heartbeat, SentinelWord } from '#replicator/sentinel/control/words';
import { answerCall, atOnce, type CallGround } from './answer-call.ts';

/** A line from a sentinel to its gateway. */
export type GatewayLine = Line<GatewayWord, SentinelWord>;

/** What all control connections of an agent share. */
export interface SessionGround extends CallGround {
  readonly clock: Clock;
  readonly measure: () => Promise<Heartbeat>;
  /** Calls that change something, one after the other, also over connections. */
  readonly turns: { last: Promise<unknown> };
  readonly log: (line: string) => void;
  /** What to say when it goes on purpose. */
  goodbye: string;
}

/** What a session asks of who began it. */
export interface SessionHooks {
  /** Asks for a certificate, when it is time: `say` sends the request. */
  readonly beforeHeartbeat: (say: (word: SentinelWord) => void) => Promise<void>;
  readonly onRotated: (certificate: string) => Promise<void>;
}

/**
 * Answers the gateway on one control connection and lets it hear of us, until the connection ends or `signal` is
 * aborted. Calls that were begun go on after that: the gateway asks again.
 */
export async function serveControl(
  line: GatewayLine,
  ground: SessionGround,
  { heartbeat, silence }: { readonly heartbeat: Millis; readonly silence: Millis },
  hooks: SessionHooks,
  signal: AbortSignal,
): Promise<LineEnd> {
  const gone = new AbortController();
  const stop = (): void => {
    line.say({ type: 'Goodbye', why: ground.goodbye });
    void line.close();
  };
  line.expectWithin(silence);
  const ended = new Promise<LineEnd>((resolve) => {
    line.listen({
      onSaid: (word) => {
        if (word.type === 'Ask') return void answer(line, ground, word);
        if (word.type === 'Rotated') return void hooks.onRotated(word.certificate);
        if (word.type === 'Alive') return;
        if (word.type === 'Goodbye' || word.type === 'Failed') return void line.close();
        line.refuse(`${word.type} out of turn`);
      },
      onEnd: resolve,
    });
  });
  void ended.then(() => gone.abort());
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  while (!gone.signal.aborted) {
    await hooks.beforeHeartbeat((word) => line.say(word));
    line.say({ type: 'Heartbeat', heartbeat: await ground.measure() });
    await ground.clock.wait(millis(heartbeat), gone.signal);
  }
  signal.removeEventListener('abort', stop);
  return ended;
}

async function answer(
  line: GatewayLine,
  ground: SessionGround,
  { id, call, asks }: Extract<GatewayWord, { type: 'Ask' }>,
): Promise<void> {
  const carryOut = () => answerCall(call, asks, ground);
  const turn = atOnce.has(call) ? carryOut() : ground.turns.last.then(carryOut);
  if (!atOnce.has(call)) ground.turns.last = turn;
  const result = await turn;
  if (result.ok) return line.say({ type: 'Answer', id, value: result.value ?? null });
  if (typeof result.error === 'string') return line.refuse(result.error);
  ground.log(`${call}: ${describeGuestAgentError(result.error)}`);
  line.say({ type: 'AnswerFailed', id, error: result.error });
}
