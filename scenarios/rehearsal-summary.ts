import type { AppendError } from '#core/event-log/event-log';
import type { MigrationId, WaveId } from '#core/ids';
import type { Bytes, Instant, Millis } from '#core/units';

/** What came of a rehearsal. */
export interface RehearsalSummary {
  readonly seed: number;
  readonly ending: RehearsalEnding;
  readonly wave: {
    readonly id: WaveId;
    readonly state: string;
    readonly started: Instant;
    /** From its start until it was completed, or until the rehearsal was stopped. */
    readonly duration: Millis;
  };
  /** In the order of the wave's plan. */
  readonly members: readonly MemberSummary[];
  /** Facts in the log, of all streams. */
  readonly facts: number;
}

/** `finished`: nobody has anything left to do. */
export type RehearsalEnding =
  | { readonly type: 'finished' }
  | { readonly type: 'stopped' }
  | { readonly type: 'logRefused'; readonly error: AppendError };

/** What came of one VM. */
export interface MemberSummary {
  readonly migration: MigrationId;
  readonly lifecycle: string;
  readonly replication: string;
  /** Where the scenario expected it to end, if it said so. */
  readonly expected: string | null;
  /** How long services were stopped, all tries together. */
  readonly downtime: Millis;
  /** Content that crossed, all rounds together. */
  readonly sent: Bytes;
  /** Rounds completed, the first and the final one included. */
  readonly rounds: number;
}

/** Members that did not end where the scenario expected them to. */
export const surprises = ({ members }: RehearsalSummary): readonly MemberSummary[] =>
  members.filter(({ expected, lifecycle }) => expected !== null && expected !== lifecycle);
