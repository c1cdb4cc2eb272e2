import type { WavePlan } from './plan.ts';

type Named<Type extends string, Data extends object = Record<never, never>> = {
  readonly type: Type;
  readonly data: Data;
};

/** What someone wants of a wave. */
export type WaveCommand =
  | Named<'DraftWave', { readonly plan: WavePlan }>
  | Named<'StartWave'>
  /** Approves the cutover of every member whose plan asks for approval. */
  | Named<'ApproveWave', { readonly by: string }>
  | Named<'PauseWave', { readonly reason: string }>
  | Named<'ResumeWave'>
  /** Starts nothing more; members stay where they are, cutovers that run are brought to an end. */
  | Named<'CancelWave', { readonly reason: string }>;

/** The name of a wave command. */
export type WaveCommandType = WaveCommand['type'];

/** Every wave command, in the order of a wave's life. */
export const waveCommandTypes = [
  'DraftWave',
  'StartWave',
  'ApproveWave',
  'PauseWave',
  'ResumeWave',
  'CancelWave',
] as const satisfies readonly WaveCommandType[];

/** Why a command leads to nothing. */
export type WaveRejection =
  | { readonly type: 'WaveNotNow'; readonly command: WaveCommandType; readonly state: string }
  | { readonly type: 'WaveAlreadyDrafted' }
  | { readonly type: 'WaveNotDrafted' }
  /** The plan wants somebody else's approval than that of who asked for the wave. */
  | { readonly type: 'WaveApproverIsRequester'; readonly by: string }
  | { readonly type: 'InvalidWavePlan'; readonly problems: readonly string[] };

/** One sentence for a person. */
export function describeWaveRejection(rejection: WaveRejection): string {
  switch (rejection.type) {
    case 'WaveNotNow':
      return `${rejection.command} is not possible while the wave is ${rejection.state}`;
    case 'WaveAlreadyDrafted':
      return 'this wave exists already; choose another id';
    case 'WaveNotDrafted':
      return 'there is no such wave; draft it first';
    case 'WaveApproverIsRequester':
      return `${rejection.by} asked for this wave and may not approve it; someone else has to`;
    case 'InvalidWavePlan':
      return `the wave plan is not valid: ${rejection.problems.join('; ')}`;
  }
}
