import type { SentinelId } from '#core/ids';
import { describeGuestAgentError, type GuestAgentError } from '#core/ports/guest-agent';
import { err, ok, type Result } from '#core/result';
import { detailOf } from '#replicator/disk/durable-file';
import type { Files } from '#replicator/disk/files';
import type { Message } from '#replicator/protocol/message';
import { readAsked, upgradePartMax, type AskGuest } from '#replicator/sentinel/control/calls';
import { fingerprintOf } from '#replicator/sentinel/identity/proof';
import type { Guests } from './guests.ts';

/** What a manager asks about sentinels. */
export type GuestQuestion = Extract<
  Message,
  { type: 'AskGuest' | 'ListSentinels' | 'InviteSentinel' | 'RevokeSentinel' | 'UpgradeSentinel' | 'UninstallSentinel' }
>;

/** The agent that this gateway has, to replace others with. */
export interface NewestAgent {
  /** The file of the agent. */
  readonly path: string;
  readonly version: string;
}

const questions = {
  AskGuest: true,
  ListSentinels: true,
  InviteSentinel: true,
  RevokeSentinel: true,
  UpgradeSentinel: true,
  UninstallSentinel: true,
} as const satisfies Record<GuestQuestion['type'], true>;

/** Whether a message asks about sentinels. */
export const isGuestQuestion = (message: Message): message is GuestQuestion => Object.hasOwn(questions, message.type);

/** What such questions are answered from. */
export interface QuestionGround {
  readonly guests: Guests | undefined;
  readonly newestAgent: NewestAgent | undefined;
  readonly files: Pick<Files, 'readFile'>;
}

/** Answers one question. A gateway without a guests' port says so. */
export async function answerAboutGuests(
  { guests, newestAgent, files }: QuestionGround,
  question: GuestQuestion,
): Promise<Message> {
  if (!guests) return denied('no sentinels come to this gateway; start it with --guests');
  switch (question.type) {
    case 'AskGuest':
      return askGuest(guests, question);
    case 'ListSentinels':
      return { type: 'Sentinels', sentinels: [...guests.list()] };
    case 'InviteSentinel': {
      const { sentinel, os, standalone, valid, by } = question;
      const made = await guests.invite({ os, standalone, valid, by, ...(sentinel && { name: sentinel }) });
      return made.ok ? { type: 'Invited', secrets: { ...made.value, pins: [...made.value.pins] } } : denied(made.error);
    }
    case 'RevokeSentinel': {
      const { sentinel, reason, by } = question;
      const revoked = await guests.revoke(sentinel, reason, by);
      return revoked.ok ? done(`sentinel ${sentinel} is revoked`) : denied(revoked.error);
    }
    case 'UpgradeSentinel': {
      if (!newestAgent) return denied('this gateway has no agent to replace it with');
      const { sentinel, by } = question;
      const replaced = await upgradeGuest(guests.ask(sentinel), newestAgent, files);
      if (!replaced.ok) return denied(replaced.error);
      await guests.noteUpgrade(sentinel, newestAgent.version, by);
      return done(`sentinel ${sentinel} has version ${newestAgent.version}`);
    }
    case 'UninstallSentinel': {
      const { sentinel } = question;
      const gone = await guests.ask(sentinel)('uninstall', {});
      if (!gone.ok) return denied(describeGuestAgentError(gone.error));
      return gone.value ? denied(gone.value.unconfirmed) : done(`sentinel ${sentinel} is being uninstalled`);
    }
  }
}

const denied = (detail: string): Message => ({ type: 'Denied', detail });
const done = (detail: string): Message => ({ type: 'SentinelDone', detail });

async function askGuest(
  guests: Guests,
  { sentinel, call, asks }: Extract<Message, { type: 'AskGuest' }>,
): Promise<Message> {
  const asked = readAsked(call, asks);
  if (!asked.ok) return denied(asked.error);
  const answer: Result<unknown, GuestAgentError> = await guests.ask(sentinel as SentinelId)(call, asked.value);
  return answer.ok
    ? { type: 'GuestAnswered', value: answer.value ?? null }
    : { type: 'GuestFailed', error: answer.error };
}

/** Sends a newer agent in parts, and has the sentinel put it in its place. The error is a sentence. */
async function upgradeGuest(
  ask: AskGuest,
  { path, version }: NewestAgent,
  files: QuestionGround['files'],
): Promise<Result<void, string>> {
  let content: Uint8Array;
  try {
    content = await files.readFile(path);
  } catch (cause) {
    return err(`the agent of this gateway cannot be read: ${detailOf(cause)}`);
  }
  const sha256 = fingerprintOf(content);
  for (let at = 0; at < content.length; at += upgradePartMax) {
    const part = Buffer.from(content.subarray(at, at + upgradePartMax)).toString('base64');
    const taken = await ask('upgradePart', { sha256, at, content: part });
    if (!taken.ok) return err(describeGuestAgentError(taken.error));
  }
  const replaced = await ask('upgrade', { sha256, version });
  return replaced.ok ? ok(undefined) : err(describeGuestAgentError(replaced.error));
}
