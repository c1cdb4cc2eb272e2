import type { MigrationId } from '#core/ids';
import type { Instant } from '#core/units';
import type { WavePlan } from './plan.ts';

/** The version of the shapes in this file. */
export const waveSchemaVersion = 1;

type Named<Type extends string, Data extends object = Record<never, never>> = {
  readonly type: Type;
  readonly data: Data;
};

/** Where one member stood when its wave ended. */
export interface MemberOutcome {
  readonly migration: MigrationId;
  readonly lifecycle: string;
  /**
   * What of the plan kept it from being cut over, where that is not order, limits or time. `apart`: another of its
   * anti-affinity group had the window. `late`: its cutover would not have ended within the window. `triesSpent`: it was
   * rolled back as often as it may be tried. `together`: another of its application could not go. Left out in any other case.
   */
  readonly why?: 'apart' | 'late' | 'triesSpent' | 'together';
}

/** Everything that can happen to a wave. */
export type WaveFact =
  | Named<'WaveDrafted', { readonly plan: WavePlan }>
  | Named<'WaveStarted'>
  | Named<'WaveApproved', { readonly by: string }>
  | Named<'WindowOpened'>
  | Named<'WindowClosed'>
  /** A cutover was taken back while the window was open; `cutovers` of this migration had been started by then. */
  | Named<'MemberRolledBack', { readonly migration: MigrationId; readonly cutovers: number }>
  /** The back-off of that one is over: it may be tried again. */
  | Named<'RetryCameDue', { readonly migration: MigrationId; readonly cutovers: number }>
  /** From this moment on, nothing is begun that is expected to take as long as the rest of the window. */
  | Named<'LastStartPassed', { readonly at: Instant }>
  | Named<'WavePaused', { readonly reason: string }>
  | Named<'WaveResumed'>
  | Named<'WaveCancelled', { readonly reason: string }>
  | Named<'WaveCompleted', { readonly members: readonly MemberOutcome[] }>;

/** The name of a wave fact. */
export type WaveFactType = WaveFact['type'];
