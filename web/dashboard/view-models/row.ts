import type { MigrationView, WaveView } from '#core/fleet/fleet-view';
import type { MigrationId, WaveId } from '#core/ids';
import { asksOperator, axesOf, isNotConverging, sourceIsDown } from '#core/migration/abilities';
import type { Downtime } from '#core/migration/downtime';
import type { MigrationState } from '#core/migration/evolve';
import { forecastOf, type RoundInProgress } from '#core/migration/progress';
import type { Instant } from '#core/units';
import { waveStateName } from '#core/wave/decide';
import type { WavePlan } from '#core/wave/plan';

/** How a VM is, at a glance. Each has a sign of its own shape beside its colour. */
export type Health =
  /** A person has to decide. */
  | 'asks'
  /** Something is wrong, and it is tried again or was turned back. */
  | 'troubled'
  /** Downtime runs. */
  | 'down'
  /** Bytes are moving. */
  | 'moving'
  /** The replica is close enough and waits. */
  | 'parked'
  /** It runs at the target. */
  | 'moved'
  /** Nothing happens yet, or any more. */
  | 'still';

/** From what wants attention most to what wants it least. */
export const healthOrder: readonly Health[] = ['asks', 'down', 'troubled', 'moving', 'parked', 'still', 'moved'];

/** One migration at one moment, as small as a list needs it: a long log keeps one of these per fact. */
export interface MigrationRow {
  readonly id: MigrationId;
  readonly name: string;
  readonly platform: string;
  readonly guest: string;
  readonly sizeBytes: number;
  readonly lifecycle: string;
  readonly replication: string;
  readonly health: Health;
  readonly kind: RoundInProgress['kind'] | null;
  readonly round: number;
  /** How far the round that runs is; null when none does. */
  readonly fraction: number | null;
  readonly etaMs: number | null;
  readonly rate: number | null;
  readonly dirtyBytes: number;
  readonly consistentAt: Instant | null;
  readonly forecastMs: number | null;
  readonly budgetMs: number | null;
  readonly downtime: Downtime | null;
  readonly notConverging: boolean;
  /** Why it wants attention, or what last went wrong; empty when all is well. */
  readonly note: string;
}

/** One wave at one moment. */
export interface WaveRow {
  readonly id: WaveId;
  readonly name: string;
  readonly state: string;
  readonly plan: WavePlan | null;
  readonly approvedBy: string | null;
  readonly ended: boolean;
}

const syncing: ReadonlySet<string> = new Set(['initiating', 'fullSync', 'deltaSync', 'rescan', 'parked.refreshing']);

/** The row of a migration. */
export function migrationRow({ id, state, progress, broken }: MigrationView): MigrationRow {
  const { plan } = state.snapshot.context;
  const { lifecycle, replication } = axesOf(state);
  const { round } = progress;
  const runs = syncing.has(replication) || lifecycle === 'cuttingOver.finalSync';
  const health = broken ? 'troubled' : healthOf(state);
  return {
    id,
    name: plan?.vm.name ?? id,
    platform: plan?.vm.platform ?? '',
    guest: plan?.vm.guest ?? '',
    sizeBytes: plan?.disks.reduce((sum, { size }) => sum + size, 0) ?? 0,
    lifecycle,
    replication,
    health,
    kind: runs && round ? round.kind : null,
    round: round?.round ?? 0,
    fraction: runs && round ? round.fraction : null,
    etaMs: runs && round ? round.eta : null,
    rate: runs && round ? round.rate : null,
    dirtyBytes: progress.dirty,
    consistentAt: progress.consistentAt,
    forecastMs: forecastOf(progress),
    budgetMs: progress.downtimeMax,
    downtime: progress.downtime,
    notConverging: isNotConverging(state),
    note: broken ? `its facts do not fit the model: ${broken.why}` : noteOf(state, health, progress.reason?.detail),
  };
}

/** Whether a cutover waits for someone's approval and nothing else. */
export const waitsForApproval = (state: MigrationState): boolean => {
  const { plan, approvedBy } = state.snapshot.context;
  const { lifecycle, replication } = axesOf(state);
  return (
    plan !== null &&
    plan.approval !== 'given' &&
    approvedBy === null &&
    lifecycle === 'protected' &&
    replication.startsWith('parked')
  );
};

function healthOf(state: MigrationState): Health {
  const { lifecycle, replication, outcome } = axesOf(state);
  if (asksOperator(state)) return 'asks';
  if (sourceIsDown(state)) return 'down';
  if (outcome !== 'certain') return 'troubled';
  if (lifecycle === 'cutOver' || lifecycle.startsWith('finaliz')) return 'moved';
  if (lifecycle === 'rolledBack') return 'troubled';
  if (lifecycle.startsWith('cancel')) return 'still';
  if (replication === 'disconnected' || replication.startsWith('stalled') || replication === 'paused')
    return 'troubled';
  if (waitsForApproval(state)) return 'asks';
  if (replication.startsWith('parked')) return 'parked';
  return syncing.has(replication) || lifecycle === 'verifying' ? 'moving' : 'still';
}

// What a person is asked comes first: a reason is for what went wrong, and not everything that waits went wrong.
function noteOf(state: MigrationState, health: Health, reason: string | undefined): string {
  const { lifecycle, replication, outcome } = axesOf(state);
  if (outcome === 'undecidable') return 'the world cannot tell whether it was done: look, then decide';
  if (lifecycle === 'testing.running') return 'the test runs and waits for a verdict';
  if (lifecycle === 'cuttingOver.undecided')
    return `did not pass: ${reason ?? 'see its checks'}. Accept it or roll back`;
  if (health === 'asks' && waitsForApproval(state)) return approvalNote(state);
  if (reason !== undefined) return reason;
  if (replication === 'disconnected') return 'an endpoint cannot be reached';
  return isNotConverging(state) ? 'writes come in faster than the rounds shrink' : '';
}

function approvalNote(state: MigrationState): string {
  const { plan } = state.snapshot.context;
  return plan?.approval === 'requiredByAnother'
    ? `waits for approval by someone other than ${plan.requester}`
    : 'waits for approval';
}

/** The row of a wave. */
export function waveRow({ id, state }: WaveView): WaveRow {
  const { plan, approvedBy } = state.snapshot.context;
  return {
    id,
    name: plan?.name ?? id,
    state: waveStateName(state),
    plan,
    approvedBy,
    ended: state.snapshot.hasTag('ended'),
  };
}

/** Whether two rows would be drawn alike. */
export function sameRow<R extends object>(a: R, b: R): boolean {
  for (const key of Object.keys(a) as (keyof R)[]) if (!Object.is(a[key], b[key])) return false;
  return true;
}
