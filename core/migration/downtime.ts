import { elapsed, millis, type Instant, type Millis } from '#core/units';
import type { MigrationFact } from './facts.ts';

/**
 * How long a VM is not there for its users, and where that time goes.
 *
 *     quiesce asked      SourceQuiesced      FinalSyncCompleted        TargetValidated
 *          |── quiescing ──|──── final sync ────|── fencing ... ─────────|
 *                          |<─────────────────── downtime ──────────────>|
 *
 * Downtime counts from services stopped to the target validated, or to the source given back. What quiescing itself took
 * is told beside it: until it is over, nobody knows which services still answer.
 */
export interface Downtime {
  /** When the world was asked to quiesce the source. */
  readonly askedAt: Instant;
  readonly began: Instant | null;
  readonly ended: Instant | null;
  readonly endedBy: 'validated' | 'waived' | 'rolledBack' | null;
  /** What copying the last blocks took, out of the whole. */
  readonly data: Millis;
  /** The steps so far, in order; each begins where the one before it ended. */
  readonly steps: readonly DowntimeStep[];
}

/** One step of a cutover while the VM is down, and when it was over. */
export interface DowntimeStep {
  readonly name: DowntimeStepName;
  readonly ended: Instant;
}

/** The steps that downtime is made of. */
export type DowntimeStepName =
  'finalSync' | 'fencing' | 'fixingUp' | 'launching' | 'connecting' | 'validating' | 'rollingBack';

/** Downtime as it stands at a moment. `overhead` is all that is not copying. */
export interface DowntimeSplit {
  readonly total: Millis;
  readonly quiescing: Millis;
  readonly data: Millis;
  readonly overhead: Millis;
}

/** How the downtime divides at `now`; after its end `now` does not matter. */
export function splitDowntime({ askedAt, began, ended, data }: Downtime, now: Instant): DowntimeSplit {
  const end = ended ?? now;
  const total = began === null ? millis(0) : elapsed(began, end);
  const copying = millis(Math.min(data, total));
  return {
    total,
    quiescing: elapsed(askedAt, began ?? end),
    data: copying,
    overhead: millis(total - copying),
  };
}

const stepEnds: { readonly [T in MigrationFact['type']]?: DowntimeStepName } = {
  FinalSyncCompleted: 'finalSync',
  FinalSyncFailed: 'finalSync',
  SourceFenced: 'fencing',
  FencingFailed: 'fencing',
  ReplicaFixedUp: 'fixingUp',
  FixUpFailed: 'fixingUp',
  TargetLaunched: 'launching',
  LaunchFailed: 'launching',
  TargetConnected: 'connecting',
  ConnectionFailed: 'connecting',
  TargetValidated: 'validating',
  ValidationFailed: 'validating',
  RolledBack: 'rollingBack',
};

/** Folds one fact into the downtime of the cutover that runs, or of the last one. */
export function foldDowntime(downtime: Downtime | null, fact: MigrationFact, at: Instant): Downtime | null {
  // Asked again (with force) before anything stopped: it is still the same cutover.
  const begins = fact.type === 'EffectRequested' && fact.data.effect === 'quiesceSource';
  if (begins && (downtime === null || downtime.ended !== null))
    return { askedAt: at, began: null, ended: null, endedBy: null, data: millis(0), steps: [] };
  if (downtime === null || downtime.ended !== null) return downtime;
  const name = stepEnds[fact.type];
  const next = name && downtime.began !== null ? withStep(downtime, name, at) : downtime;
  switch (fact.type) {
    case 'SourceQuiesced':
      return { ...next, began: at };
    case 'FinalSyncCompleted':
      return { ...next, data: fact.data.duration };
    case 'TargetValidated':
      return { ...next, ended: at, endedBy: 'validated' };
    case 'ValidationWaived':
      return { ...next, ended: at, endedBy: 'waived' };
    case 'RolledBack':
      return { ...next, ended: at, endedBy: 'rolledBack' };
    default:
      return next;
  }
}

const withStep = (
  { askedAt, began, ended: endedAt, endedBy, data, steps }: Downtime,
  name: DowntimeStepName,
  ended: Instant,
): Downtime => ({ askedAt, began, ended: endedAt, endedBy, data, steps: [...steps, { name, ended }] });
