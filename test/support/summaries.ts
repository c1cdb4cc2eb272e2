import { migrationId, waveId } from '#core/ids';
import { bytes, instant, millis, minutes } from '#core/units';
import type { MemberSummary, RehearsalSummary } from '#scenarios/rehearsal-summary';

/** One VM that was rehearsed and ended there; whatever else a test is about goes into `more`. */
export const memberSummary = (
  name: string,
  lifecycle: string,
  downtime: number,
  more: Partial<MemberSummary> = {},
): MemberSummary => ({
  migration: migrationId(name),
  lifecycle,
  replication: 'parked.resting',
  expected: null,
  downtime: millis(downtime),
  sent: bytes(0),
  rounds: 1,
  trouble: null,
  ...more,
});

/** A rehearsal of those VMs, whose wave was over after so long. */
export const rehearsalSummary = (
  seed: number,
  duration: number,
  members: readonly MemberSummary[],
  more: Partial<RehearsalSummary> = {},
): RehearsalSummary => ({
  seed,
  ending: { type: 'finished' },
  wave: {
    ...{ id: waveId('w'), state: 'completed', started: instant(0), duration: millis(duration) },
    window: { opens: millis(500), closes: millis(5_000) },
    lastMoved: millis(duration),
  },
  members,
  course: { step: minutes(1), rows: [[members.length, 0, 0, 0, 0, 0, 0]] },
  usage: { bucket: minutes(15), places: [] },
  facts: 1,
  breaches: [],
  ...more,
});
