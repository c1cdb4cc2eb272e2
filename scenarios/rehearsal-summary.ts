import type { AppendError } from '#core/event-log/event-log';
import type { MigrationId, WaveId } from '#core/ids';
import type { Breach } from '#core/laws/judge';
import type { Bytes, Instant, Millis } from '#core/units';
import type { WorldUsage } from '#simulator/flow/flow-world';
import type { Trouble } from './trouble.ts';
import type { WaveCourse } from './wave-course.ts';

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
    /** When cutovers may be, from its start on. */
    readonly window: { readonly opens: Millis; readonly closes: Millis };
    /** From its start until the last VM that moved had moved; null if none did. */
    readonly lastMoved: Millis | null;
  };
  /** Where the scenario has several: each of them, in its order. `wave` is the last one then, from the start on. */
  readonly waves?: readonly WaveSummary[];
  /** In the order of the estate. */
  readonly members: readonly MemberSummary[];
  /** Where members stood over time. */
  readonly course: WaveCourse;
  /** What crossed each place over time. */
  readonly usage: WorldUsage;
  /** Facts in the log, of all streams. */
  readonly facts: number;
  /** Laws that what happened breaks: mistakes of this program, and none of the scenario. */
  readonly breaches: readonly Breach[];
}

/** What came of one of several waves. */
export interface WaveSummary {
  readonly id: WaveId;
  /** `undrafted`: nobody was left for it. */
  readonly state: string;
  readonly started: Instant;
  readonly duration: Millis;
  /** How many VMs it had. */
  readonly members: number;
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
  /** What last went wrong, even if it was overcome; null where nothing did. */
  readonly trouble: Trouble | null;
}

/** Members that did not end where the scenario expected them to. */
export const surprises = ({ members }: RehearsalSummary): readonly MemberSummary[] =>
  members.filter(({ expected, lifecycle }) => expected !== null && expected !== lifecycle);
