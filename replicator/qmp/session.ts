import { unreachable } from '#core/invariant';
import { err, ok, type Result } from '#core/result';
import { commandLedger, type AskedCommand, type CommandLedger } from './command-ledger.ts';
import type { QmpError } from './error.ts';
import { lineDecoder, lineLengthMax, type LineDecoder } from './line-decoder.ts';
import { parseMessage, type QemuVersion, type QmpEvent, type QmpMessage } from './message.ts';

/**
 * One QMP conversation without any I/O: what came in goes in as an input, what must be done comes out as actions.
 *
 *   greeting -> negotiating -> ready -> closed
 *
 * Every command that was asked is settled exactly once, whatever happens: answered, refused, not sent, or outcome
 * unknown. The two last are told apart by whether the command was handed to the connection.
 */
export interface QmpSession {
  apply(input: SessionInput): readonly SessionAction[];
}

/** One thing that happened. */
export type SessionInput =
  | { readonly type: 'BytesReceived'; readonly bytes: Uint8Array }
  | { readonly type: 'CommandAsked'; readonly asked: AskedCommand }
  /** Nobody waits for this command any more. */
  | { readonly type: 'CommandAbandoned'; readonly id: string; readonly why: string }
  | { readonly type: 'ConnectionLost'; readonly detail: string };

/** One thing to do now. */
export type SessionAction =
  | { readonly type: 'send'; readonly text: string }
  | { readonly type: 'becomeReady'; readonly version: QemuVersion }
  | { readonly type: 'settle'; readonly id: string; readonly outcome: Result<unknown, QmpError> }
  | { readonly type: 'announce'; readonly event: QmpEvent }
  /** The conversation is over; nothing more will come in or go out. */
  | { readonly type: 'disconnect'; readonly error: QmpError };

type Phase =
  | { readonly type: 'greeting' }
  | { readonly type: 'negotiating'; readonly version: QemuVersion }
  | { readonly type: 'ready' }
  | { readonly type: 'closed' };

interface Conversation {
  phase: Phase;
  readonly decoder: LineDecoder;
  readonly ledger: CommandLedger;
}

// The only command a monitor takes before it is ready. Its id cannot be one of the client's, which are numbers.
const negotiation = 'qmp_capabilities';

/** Begins a conversation that waits for the server's greeting. */
export function qmpSession(options: { readonly lineLengthMax?: number } = {}): QmpSession {
  const conversation: Conversation = {
    phase: { type: 'greeting' },
    decoder: lineDecoder(options.lineLengthMax ?? lineLengthMax),
    ledger: commandLedger(),
  };
  return { apply: (input) => apply(conversation, input) };
}

function apply(conversation: Conversation, input: SessionInput): readonly SessionAction[] {
  switch (input.type) {
    case 'BytesReceived':
      return hasEnded(conversation) ? [] : receiveBytes(conversation, input.bytes);
    case 'CommandAsked':
      if (hasEnded(conversation)) return [lose(input.asked, false, 'the connection is closed already')];
      conversation.ledger.ask(input.asked);
      return sendWhatCanBeSent(conversation);
    case 'CommandAbandoned': {
      const abandoned = conversation.ledger.abandon(input.id);
      return abandoned ? [lose({ id: input.id, command: abandoned.command }, abandoned.wasSent, input.why)] : [];
    }
    case 'ConnectionLost':
      return end(conversation, { type: 'ConnectionLost', detail: input.detail });
    default:
      return unreachable(input);
  }
}

function receiveBytes(conversation: Conversation, chunk: Uint8Array): readonly SessionAction[] {
  const lines = conversation.decoder.push(chunk);
  if (!lines.ok) return violate(conversation, lines.error.detail);
  const actions: SessionAction[] = [];
  for (const line of lines.value) {
    // The line before may have ended the conversation: what follows a violation is not believed.
    if (hasEnded(conversation)) break;
    const message = parseMessage(line);
    actions.push(...(message.ok ? receive(conversation, message.value) : violate(conversation, message.error)));
  }
  return actions;
}

function receive(conversation: Conversation, message: QmpMessage): readonly SessionAction[] {
  if (conversation.phase.type === 'greeting') {
    if (message.type !== 'Greeting') return violate(conversation, 'the first line is not a QMP greeting');
    conversation.phase = { type: 'negotiating', version: message.version };
    return [send({ id: negotiation, command: negotiation })];
  }
  switch (message.type) {
    case 'Greeting':
      return violate(conversation, 'a second greeting');
    case 'Event':
      return [{ type: 'announce', event: message.event }];
    case 'Return':
      return receiveAnswer(conversation, message.id, () => ok(message.value));
    case 'Error': {
      const { id, class: errorClass, description } = message;
      // All our commands carry ids, so an error without one means the two ends no longer agree on where a line is.
      if (id === undefined) return violate(conversation, `an error that belongs to no command: ${description}`);
      return receiveAnswer(conversation, id, (command) =>
        err({ type: 'CommandFailed', command, class: errorClass, description }),
      );
    }
    default:
      return unreachable(message);
  }
}

function receiveAnswer(
  conversation: Conversation,
  id: string,
  outcomeOf: (command: string) => Result<unknown, QmpError>,
): readonly SessionAction[] {
  const { phase, ledger } = conversation;
  if (phase.type === 'negotiating' && id === negotiation) {
    const outcome = outcomeOf(negotiation);
    if (!outcome.ok) return end(conversation, outcome.error);
    conversation.phase = { type: 'ready' };
    return [{ type: 'becomeReady', version: phase.version }, ...sendWhatCanBeSent(conversation)];
  }
  const known = ledger.answered(id);
  if (known === undefined)
    return violate(conversation, `an answer to a command that was never sent (id ${JSON.stringify(id.slice(0, 40))})`);
  return [
    ...(known.abandoned ? [] : [{ type: 'settle', id, outcome: outcomeOf(known.command) } as const]),
    ...sendWhatCanBeSent(conversation),
  ];
}

const sendWhatCanBeSent = ({ phase, ledger }: Conversation): readonly SessionAction[] =>
  phase.type === 'ready' ? ledger.takeSendable().map(send) : [];

const send = ({ id, command, arguments: args }: AskedCommand): SessionAction => ({
  type: 'send',
  text: `${JSON.stringify({ execute: command, ...(args && { arguments: args }), id })}\n`,
});

const violate = (conversation: Conversation, detail: string): readonly SessionAction[] =>
  end(conversation, { type: 'ProtocolViolation', detail });

function end(conversation: Conversation, error: QmpError): readonly SessionAction[] {
  if (hasEnded(conversation)) return [];
  conversation.phase = { type: 'closed' };
  const why = 'detail' in error ? error.detail : 'the conversation ended';
  return [
    ...conversation.ledger.drain().map(({ id, command, wasSent }) => lose({ id, command }, wasSent, why)),
    { type: 'disconnect', error },
  ];
}

const lose = ({ id, command }: { id: string; command: string }, wasSent: boolean, detail: string): SessionAction => ({
  type: 'settle',
  id,
  outcome: err({ type: wasSent ? 'OutcomeUnknown' : 'NotSent', command, detail }),
});

const hasEnded = ({ phase }: Conversation): boolean => phase.type === 'closed';
