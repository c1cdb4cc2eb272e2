import { migrationId } from '#core/ids';
import type { WaveFact } from '#core/wave/facts';
import type { WavePlan } from '#core/wave/plan';
import { instant, millis } from '#core/units';

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

/** The same wave, with tries after the first one and with moments after which some may not begin. */
export const sampleRetryPlan = (): WavePlan =>
  sampleWavePlan({
    members: [
      { migration: migrationId('db'), after: [], expected: millis(300) },
      { migration: migrationId('web'), after: [migrationId('db')], cutoversBefore: 1 },
    ],
    retry: { times: 2, after: millis(100), reserve: millis(400) },
  });

/** Every fact a wave knows, in each variant that the chart decides on. */
export const sampleWaveFacts = (): readonly WaveFact[] => [
  { type: 'WaveDrafted', data: { plan: sampleWavePlan() } },
  { type: 'WaveDrafted', data: { plan: sampleRetryPlan() } },
  { type: 'WaveStarted', data: {} },
  { type: 'WaveApproved', data: { by: 'grace' } },
  { type: 'WindowOpened', data: {} },
  { type: 'WindowClosed', data: {} },
  ...[1, 2, 3].map((cutovers): WaveFact => ({
    type: 'MemberRolledBack',
    data: { migration: migrationId('web'), cutovers },
  })),
  ...[1, 2].map((cutovers): WaveFact => ({
    type: 'RetryCameDue',
    data: { migration: migrationId('web'), cutovers },
  })),
  ...[1_600, 1_700].map((at): WaveFact => ({ type: 'LastStartPassed', data: { at: instant(at) } })),
  { type: 'WavePaused', data: { reason: 'a sample' } },
  { type: 'WaveResumed', data: {} },
  { type: 'WaveCancelled', data: { reason: 'a sample' } },
  { type: 'WaveCompleted', data: { members: [] } },
];
