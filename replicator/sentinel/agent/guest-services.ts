import type { Duplex } from 'node:stream';
import type { DiskId } from '#core/ids';
import type { GuestAgent, GuestAgentError, RateLimit } from '#core/ports/guest-agent';
import type { ChangeMark } from '#core/ports/source-hypervisor';
import type { Result } from '#core/result';
import type { AccountMade } from '#replicator/sentinel/stage/account';
import type { StageReport } from '#replicator/sentinel/stage/stage-report';
import type { Heartbeat } from '#replicator/sentinel/control/words';

/**
 * What an agent does in its guest, beside talking: reading and tracking disks, bringing services to rest. Calls keep the
 * promises of `GuestAgent`, and come one after the other, but for `inspect`, `look`
 * and `pace`.
 */
export interface GuestServices extends Pick<
  GuestAgent,
  | 'inspect'
  | 'look'
  | 'beginMark'
  | 'advanceMark'
  | 'changes'
  | 'dropMark'
  | 'closeDisks'
  | 'quiesce'
  | 'resume'
  | 'powerOff'
  | 'release'
> {
  /** What works in this guest, in words for the gateway: `tracking`, `quiesce`. */
  readonly can: readonly string[];
  openDisk(disk: DiskId, since?: ChangeMark): Promise<Result<void, GuestAgentError>>;
  /** Answers reads of open disks on a data connection, which it owns, and listens at once. Returns when it has ended. */
  serveDisks(connection: Duplex): Promise<void>;
  /** Holds reads to a rate, also those under way. */
  pace(rate: RateLimit): void;
  /** What a replica had to say when it booted; undefined in a source. */
  readonly report: StageReport | undefined;
  /** A new password for the account that a replica has for its validation; undefined where there is none. */
  account(): Promise<Result<AccountMade | undefined, GuestAgentError>>;
  /** Takes away what a replica has only for its validation. */
  finalize(): Promise<Result<void, GuestAgentError>>;
  /** Where the guest stands. */
  readonly stage: Heartbeat['stage'];
  /** How far behind reading is. */
  measure(): Promise<Pick<Heartbeat, 'lag' | 'backlog'>>;
  close(): Promise<void>;
}
