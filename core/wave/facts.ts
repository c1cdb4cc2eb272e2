import type { MigrationId } from '#core/ids';
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
}

/** Everything that can happen to a wave. */
export type WaveFact =
  | Named<'WaveDrafted', { readonly plan: WavePlan }>
  | Named<'WaveStarted'>
  | Named<'WaveApproved', { readonly by: string }>
  | Named<'WindowOpened'>
  | Named<'WindowClosed'>
  | Named<'WavePaused', { readonly reason: string }>
  | Named<'WaveResumed'>
  | Named<'WaveCancelled', { readonly reason: string }>
  | Named<'WaveCompleted', { readonly members: readonly MemberOutcome[] }>;

/** The name of a wave fact. */
export type WaveFactType = WaveFact['type'];
