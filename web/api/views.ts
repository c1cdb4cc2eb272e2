import type { MigrationView, WaveView } from '#core/fleet/fleet-view';
import {
  asksOperator,
  axesOf,
  hasEnded,
  isNotConverging,
  isPastPointOfNoReturn,
  sourceIsDown,
  targetMayHaveWrites,
} from '#core/migration/abilities';
import { describeRejection } from '#core/migration/commands';
import { legalCommands } from '#core/migration/decide';
import { splitDowntime } from '#core/migration/downtime';
import { forecastOf, lagOf } from '#core/migration/progress';
import type { Instant } from '#core/units';
import { describeWaveRejection } from '#core/wave/commands';
import { legalWaveCommands, waveStateName } from '#core/wave/decide';

/** One command and whether it is possible now; `why` says what stands against it. */
export interface AbilityView {
  readonly command: string;
  readonly possible: boolean;
  readonly why?: string;
}

/** A migration in a list. */
export function migrationSummary(view: MigrationView, now: Instant) {
  const { state, progress } = view;
  const { plan } = state.snapshot.context;
  return {
    id: view.id,
    vm: plan?.vm ?? null,
    ...axesOf(state),
    asksOperator: asksOperator(state),
    sourceIsDown: sourceIsDown(state),
    ended: hasEnded(state),
    notConverging: isNotConverging(state),
    pastPointOfNoReturn: isPastPointOfNoReturn(state),
    targetMayHaveWrites: targetMayHaveWrites(state),
    round: progress.round === null ? null : roundOf(progress.round),
    sentBytes: progress.sent,
    dirtyBytes: progress.dirty,
    lagMs: lagOf(progress, now),
    finalSyncForecastMs: forecastOf(progress),
    downtimeMaxMs: progress.downtimeMax,
    downtime: progress.downtime && {
      ...splitDowntime(progress.downtime, now),
      ended: progress.downtime.ended !== null,
    },
    reason: progress.reason,
    broken: view.broken,
    facts: view.facts,
    lastPosition: view.position,
    lastTime: view.time,
  };
}

/** Everything about one migration but its facts. */
export function migrationDetail(view: MigrationView, now: Instant) {
  const { state, progress } = view;
  return {
    ...migrationSummary(view, now),
    plan: state.snapshot.context.plan,
    approvedBy: state.snapshot.context.approvedBy,
    test: state.snapshot.context.test,
    disks: progress.disks,
    rounds: progress.rounds,
    roundsDone: progress.roundsDone,
    plannedBytes: progress.planned,
    zeroedBytes: progress.zeroed,
    resumedBytes: progress.resumed,
    checks: progress.checks,
    throughput: progress.throughput.spans,
    work: state.work.map(({ key, effect, standing, since }) => ({ key, effect: effect.type, standing, since })),
    commands: migrationAbilities(view),
  };
}

/** Every migration command with whether it is possible now. */
export const migrationAbilities = ({ state }: MigrationView): readonly AbilityView[] =>
  legalCommands(state).map((ability) =>
    ability.possible
      ? { command: ability.command, possible: true }
      : { command: ability.command, possible: false, why: describeRejection(ability.why) },
  );

/** A wave in a list. */
export function waveSummary({ id, state, broken, facts, position, time }: WaveView) {
  const { plan, approvedBy } = state.snapshot.context;
  return {
    id,
    name: plan?.name ?? null,
    state: waveStateName(state),
    window: plan?.window ?? null,
    members: plan?.members.map(({ migration }) => migration) ?? [],
    approvedBy,
    ended: state.snapshot.hasTag('ended'),
    broken,
    facts,
    lastPosition: position,
    lastTime: time,
  };
}

/** Everything about one wave but its facts. */
export const waveDetail = (view: WaveView) => ({
  ...waveSummary(view),
  plan: view.state.snapshot.context.plan,
  commands: waveAbilities(view),
});

/** Every wave command with whether it is possible now. */
export const waveAbilities = ({ state }: WaveView): readonly AbilityView[] =>
  legalWaveCommands(state).map((ability) =>
    ability.possible
      ? { command: ability.command, possible: true }
      : { command: ability.command, possible: false, why: describeWaveRejection(ability.why) },
  );

// The samples behind the rate are the projection's own business.
function roundOf({
  round,
  kind,
  done,
  total,
  sent,
  fraction,
  rate,
  eta,
}: NonNullable<MigrationView['progress']['round']>) {
  return { round, kind, doneBytes: done, totalBytes: total, sentBytes: sent, fraction, rate, etaMs: eta };
}
