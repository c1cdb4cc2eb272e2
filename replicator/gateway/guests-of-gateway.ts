import { calledOff } from '#core/called-off';
import type { SentinelId } from '#core/ids';
import { describeGuestAgentError, type GuestAgent, type GuestAgentError } from '#core/ports/guest-agent';
import { err, ok, type Result } from '#core/result';
import type { Millis } from '#core/units';
import { describeReplicationError } from '#replicator/pipeline/replication';
import type { BundleSecrets, SentinelSummary } from '#replicator/protocol/guest-message';
import type { Message } from '#replicator/protocol/message';
import { patienceDefault, withReconnects } from '#replicator/protocol/reconnect';
import { readAnswer, type Answers, type AskGuest } from '#replicator/sentinel/control/calls';
import { guestAgentOver } from '#replicator/sentinel/control/guest-agent-over';
import type { AccountMade } from '#replicator/sentinel/stage/account';
import type { StageReport } from '#replicator/sentinel/stage/stage-report';
import { wallClock } from '#replicator/wall-clock';
import { askGateway, gatewayLine, type GatewayLine, type GatewayPlace } from './ask-gateway.ts';

/** How a gateway is reached, and for how long it is tried. */
export type GuestsOfGatewayOptions = GatewayPlace & {
  /** How long a gateway that is gone is tried again before a call fails. */
  readonly patience?: Millis;
  /** How it is asked, where others ask this gateway as well: so they share its connections. */
  readonly line?: GatewayLine;
};

/** The sentinel of a guest, for a driver in another process than its gateway. */
export function guestAgentThrough(options: GuestsOfGatewayOptions, sentinel: SentinelId): GuestAgent {
  const { line = gatewayLine(options) } = options;
  const closed = new AbortController();
  const { clock = wallClock, patience = patienceDefault } = options;
  const ask: AskGuest = async (call, asks) => {
    const question = { type: 'AskGuest', sentinel, call, asks } as const;
    const { signal } = closed;
    const unreachable = (detail: string): Result<never, GuestAgentError> =>
      err({ type: 'Unreachable', operation: call, detail });
    // Every call may be repeated, so that a lost answer is asked for again.
    const answer = await withReconnects({ clock, patience, signal }, () =>
      line.ask(question, { signal }, () => undefined),
    );
    if (!answer.ok) return unreachable(describeReplicationError(answer.error));
    if (answer.value.type === 'GuestAnswered') return readAnswer(call, answer.value.value);
    if (answer.value.type === 'GuestFailed') return err(answer.value.error);
    return unreachable(answer.value.type === 'Denied' ? answer.value.detail : `it answers ${answer.value.type}`);
  };
  return guestAgentOver(sentinel, ask, async () => {
    closed.abort(calledOff);
    await line.close();
  });
}

/** What operators ask of a gateway about its sentinels. Errors are sentences. */
export interface SentinelDesk {
  list(): Promise<Result<readonly SentinelSummary[], string>>;
  invite(wish: Omit<Extract<Message, { type: 'InviteSentinel' }>, 'type'>): Promise<Result<BundleSecrets, string>>;
  /** What a replica that was launched had to say when it booted; undefined in a source. */
  report(sentinel: SentinelId): Promise<Result<StageReport | undefined, string>>;
  /** A new password for the account that a replica has for its validation; undefined where there is none. */
  account(sentinel: SentinelId): Promise<Result<AccountMade | undefined, string>>;
  /** A sentence that says what was done. */
  change(
    wish: Extract<Message, { type: 'RevokeSentinel' | 'UpgradeSentinel' | 'UninstallSentinel' }>,
  ): Promise<Result<string, string>>;
}

/** The desk of a gateway in another process. */
export function sentinelDesk(place: GatewayPlace): SentinelDesk {
  const ask = async <T extends Message['type']>(
    question: Message,
    wanted: T,
  ): Promise<Result<Extract<Message, { type: T }>, string>> => {
    const answer = await askGateway(place, question);
    if (!answer.ok) return err(describeReplicationError(answer.error));
    if (answer.value.type === 'Denied') return err(answer.value.detail);
    if (answer.value.type === 'GuestFailed') return err(describeGuestAgentError(answer.value.error));
    if (answer.value.type !== wanted) return err(`the gateway answers ${answer.value.type}`);
    // Its type is the wanted one, which the compiler does not follow through a parameter.
    return ok(answer.value as Extract<Message, { type: T }>);
  };
  const askGuest = async <C extends 'report' | 'account'>(
    call: C,
    sentinel: SentinelId,
  ): Promise<Result<NonNullable<Answers<C>> | undefined, string>> => {
    const answer = await ask({ type: 'AskGuest', sentinel, call, asks: {} }, 'GuestAnswered');
    if (!answer.ok) return answer;
    const read = readAnswer(call, answer.value.value);
    return read.ok ? ok(read.value ?? undefined) : err(describeGuestAgentError(read.error));
  };
  return {
    list: async () => {
      const answer = await ask({ type: 'ListSentinels' }, 'Sentinels');
      return answer.ok ? ok(answer.value.sentinels) : answer;
    },
    invite: async (wish) => {
      const answer = await ask({ type: 'InviteSentinel', ...wish }, 'Invited');
      return answer.ok ? ok(answer.value.secrets) : answer;
    },
    report: (sentinel) => askGuest('report', sentinel),
    account: (sentinel) => askGuest('account', sentinel),
    change: async (wish) => {
      const answer = await ask(wish, 'SentinelDone');
      return answer.ok ? ok(answer.value.detail) : answer;
    },
  };
}
