import type { RunTrace, MigrationTrace } from '#core/compare/trace';
import type { PhaseKind } from '#core/compare/phase';
import { sourcePlatforms } from '#core/migration/plan';
import { err, ok, type Result } from '#core/result';
import { bytes, bytesPerSecond, millis, ratio } from '#core/units';
import type { Calibration, RoundFit, SpanFit, VmFit } from './calibration.ts';
import { fitWrites } from './fit-writes.ts';
import { dirtiedIn, roundsIn, stepsIn, type MeasuredRound } from './measured.ts';
import { alike, fitLine, inFourDigits, quantile, type Weighted } from './robust.ts';

/** Why logs say nothing about the constants of the flow world. */
export type CalibrationRefusal =
  | { readonly type: 'NoRuns' }
  /** Not one round was completed at one go in which anything was sent. */
  | { readonly type: 'NoRounds'; readonly runs: readonly string[] };

/** One sentence for a person: what is missing, and what to do. */
export function describeCalibrationRefusal(refusal: CalibrationRefusal): string {
  switch (refusal.type) {
    case 'NoRuns':
      return 'there is no run to calibrate from; give the log of at least one';
    case 'NoRounds':
      return `no round was completed without interruption in ${refusal.runs.join(', ')}, so nothing is known of rates; give the log of a migration that got as far as a full sync`;
  }
}

/** Fits what real runs say about rates, overheads and durations. The order of the runs does not matter to the numbers. */
export function calibrate(runs: readonly RunTrace[]): Result<Calibration, CalibrationRefusal> {
  const names = runs.map(({ name }) => name);
  if (runs.length === 0) return err({ type: 'NoRuns' });
  const migrations = runs.flatMap((run) => run.migrations);
  const rounds = migrations.flatMap(roundsIn).filter(({ sent }) => sent > 0);
  if (rounds.length === 0) return err({ type: 'NoRounds', runs: names });
  const spans = (kind: PhaseKind, some: readonly MigrationTrace[] = migrations) =>
    fitSpan(
      kind,
      some.flatMap((migration) => stepsIn(migration, kind)),
    );
  return ok({
    runs: names,
    migrations: migrations.filter(({ phases }) => phases.some(({ ending }) => ending === 'completed')).length,
    rounds: fitRounds(rounds, migrations.flatMap(roundsIn)),
    platforms: grouped(sourcePlatforms, (platform) => {
      const there = migrations.filter(({ plan }) => plan?.vm.platform === platform);
      return { ...spans('initiate', there), ...spans('fence', there) };
    }),
    guests: grouped(['linux', 'windows'], (family) => {
      const those = migrations.filter(({ plan }) => plan?.vm.guest === family);
      return { ...spans('quiesce', those), ...spans('fixUp', those), ...spans('launch', those) };
    }),
    steps: { ...spans('verify'), ...spans('connect'), ...spans('validate') },
    vms: fitVms(migrations),
  });
}

function grouped<K extends string, V extends object>(
  keys: readonly K[],
  of: (key: K) => V,
): { readonly [key in K]?: V } {
  const found = keys.map((key) => [key, of(key)] as const).filter(([, value]) => Object.keys(value).length > 0);
  return Object.fromEntries(found) as { [key in K]?: V };
}

function fitSpan<K extends PhaseKind>(kind: K, durations: readonly number[]): { readonly [key in K]?: SpanFit } {
  if (durations.length === 0) return {};
  const fit = 'from one fact to the next, tenth to ninetieth percentile';
  return { [kind]: { ...spanOf(durations), fit } } as { [key in K]: SpanFit };
}

function spanOf(durations: readonly number[]): Omit<SpanFit, 'fit'> {
  const values = alike(durations);
  const at = (share: number) => millis(Math.round(Math.max(0, quantile(values, share))));
  return { from: at(0.1), median: at(0.5), to: at(0.9), samples: durations.length };
}

/**
 * Duration over bytes is a line: its slope is the time per byte, what is left at no bytes the overhead. Where all rounds
 * carry about the same, or a longer one took no longer, the two cannot be told apart: then all of it counts as rate.
 */
function fitRounds(rounds: readonly MeasuredRound[], all: readonly MeasuredRound[]): RoundFit {
  const points = rounds.map(({ sent, disksBeside, took }) => ({ x: sent / disksBeside, y: took }));
  const line = fitLine(points);
  const isApart = line !== null && line.slope > 0;
  const overheads = isApart ? line.rests.map((rest) => Math.max(0, rest)) : points.map(() => 0);
  const overhead = spanOf(overheads);
  const rates = points.map(({ x, y }): Weighted => ({
    value: (x * 1_000) / Math.max(1, y - overhead.median),
    weight: x,
  }));
  const rate = (value: number) => bytesPerSecond(Math.max(1, inFourDigits(value)));
  const zero = fitZero(all);
  return {
    rate: {
      median: rate(isApart ? 1_000 / line.slope : quantile(rates, 0.5)),
      from: rate(quantile(rates, 0.1)),
      to: rate(quantile(rates, 0.9)),
      samples: rounds.length,
      fit: isApart
        ? 'duration over bytes, Theil-Sen, weighted by the distance in bytes; spread: bytes over the rest of the duration, weighted by bytes'
        : 'bytes over duration, weighted by bytes: the rounds are too much alike to tell their overhead apart',
    },
    overhead: {
      ...overhead,
      fit: isApart
        ? 'what the same line leaves of each duration at no bytes, tenth to ninetieth percentile'
        : 'cannot be told apart from the transfer: none',
    },
    ...(zero && { zero }),
  };
}

function fitZero(rounds: readonly MeasuredRound[]): RoundFit['zero'] {
  const full = rounds.filter(({ kind, planned }) => kind === 'full' && planned > 0);
  if (full.length === 0) return undefined;
  const total = (of: (round: MeasuredRound) => number): number => full.reduce((sum, round) => sum + of(round), 0);
  const share = 1 - total(({ sent }) => sent) / total(({ planned }) => planned);
  return {
    share: ratio(Math.round(Math.min(1, Math.max(0, share)) * 1_000_000), 1_000_000),
    samples: full.length,
    fit: 'what full syncs had to make equal and did not send, all together',
  };
}

function fitVms(migrations: readonly MigrationTrace[]): Readonly<Record<string, VmFit>> {
  const byVm = new Map<string, MigrationTrace[]>();
  for (const migration of migrations) {
    const name = migration.plan?.vm.name ?? migration.id;
    byVm.set(name, [...(byVm.get(name) ?? []), migration]);
  }
  return Object.fromEntries(
    [...byVm].flatMap(([name, some]): readonly (readonly [string, VmFit])[] => {
      const used = some.flatMap((migration) =>
        migration.phases.flatMap(({ round }) => (round?.kind === 'full' ? [round.planned] : [])),
      );
      if (used.length === 0) return [];
      const writes = fitWrites(some.flatMap(dirtiedIn));
      return [[name, { used: bytes(Math.round(quantile(alike(used), 0.5))), ...(writes && { writes }) }]];
    }),
  );
}
