import { migrationId } from '#core/ids';
import type { WaveFact } from '#core/wave/facts';
import type { WavePlan } from '#core/wave/plan';
import { instant } from '#core/units';

/** A wave of two members in order, for tests that change one thing of it. */
export const sampleWavePlan = (changes: Partial<WavePlan> = {}): WavePlan => ({
  name: 'weekend',
  members: [
    { migration: migrationId('db'), after: [] },
    { migration: migrationId('web'), after: [migrationId('db')] },
  ],
  window: { opens: instant(1_000), closes: instant(2_000) },
  limits: { replicating: 1, cuttingOver: 1 },
  onWindowClose: 'rollBack',
  requester: 'ada',
  ...changes,
});

/** Every fact a wave knows, one of each type. */
export const sampleWaveFacts = (): readonly WaveFact[] => [
  { type: 'WaveDrafted', data: { plan: sampleWavePlan() } },
  { type: 'WaveStarted', data: {} },
  { type: 'WaveApproved', data: { by: 'grace' } },
  { type: 'WindowOpened', data: {} },
  { type: 'WindowClosed', data: {} },
  { type: 'WavePaused', data: { reason: 'a sample' } },
  { type: 'WaveResumed', data: {} },
  { type: 'WaveCancelled', data: { reason: 'a sample' } },
  { type: 'WaveCompleted', data: { members: [] } },
];
