import type { GuestAgentError } from '#core/ports/guest-agent';
import type { Result } from '#core/result';
import type { Asks } from '#replicator/sentinel/control/calls';

/** The agent as a program that is installed in a guest. */
export interface Installation {
  /** Keeps a part of a newer agent, in memory. */
  takePart(part: Asks<'upgradePart'>): Result<void, GuestAgentError>;
  /** Puts the newer agent in the place of this one. It begins when this one has ended. */
  replaceWith(newer: Asks<'upgrade'>): Promise<Result<void, GuestAgentError>>;
  /** Begins to take everything off the guest. This process is ended by that. */
  uninstall(): Promise<Result<void, GuestAgentError>>;
  /** Called once this process should end, so that the newer one begins. */
  onReplaced: (() => void) | undefined;
}
