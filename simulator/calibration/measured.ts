import { durationOf, type CompletedRound, type Phase, type PhaseKind } from '#core/compare/phase';
import type { MigrationTrace } from '#core/compare/trace';

/** A round that was completed at one go, with its whole time: until the driver had it in its log. */
export interface MeasuredRound extends CompletedRound {
  readonly took: number;
  /** Disks that crossed side by side. */
  readonly disksBeside: number;
}

/** How much was dirty so long after a change mark was begun. */
export interface DirtyAfter {
  readonly after: number;
  readonly dirty: number;
}

const roundKinds: ReadonlySet<PhaseKind> = new Set(['fullSync', 'deltaSync', 'rescan', 'finalSync']);

/** Rounds that say what rounds take: completed, and not what was left of an interrupted try. A rescan reads, it hardly sends. */
export function roundsIn({ phases, plan }: MigrationTrace): readonly MeasuredRound[] {
  const disksBeside = Math.max(1, plan?.disks.length ?? 1);
  return phases.flatMap((phase) =>
    phase.round && !phase.isDisturbed && phase.round.resumed === 0 && phase.kind !== 'rescan'
      ? [{ ...phase.round, disksBeside, took: durationOf(phase) }]
      : [],
  );
}

/**
 * What the guest had written between the begin of a round and the begin of the next, which carries it. That includes all
 * the time a migration was parked.
 */
export function dirtiedIn({ phases }: MigrationTrace): readonly DirtyAfter[] {
  const rounds = phases.filter(({ kind }) => roundKinds.has(kind));
  return rounds.flatMap((phase, i) => {
    const before = rounds[i - 1];
    if (!before || !isWhole(before) || !isWhole(phase)) return [];
    const after = phase.begins - before.begins;
    return after > 0 && phase.round ? [{ after, dirty: phase.round.planned }] : [];
  });
}

// After an interrupted try or a lost mark, what is planned is not what was written since.
const isWhole = ({ round, kind, isDisturbed }: Phase): boolean =>
  round !== null && round.resumed === 0 && kind !== 'rescan' && !isDisturbed;

/** How long each step of a kind took that went its usual way. */
export const stepsIn = ({ phases }: MigrationTrace, kind: PhaseKind): readonly number[] =>
  phases.filter((phase) => phase.kind === kind && phase.ending === 'completed' && !phase.isDisturbed).map(durationOf);
