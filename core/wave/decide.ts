import { unreachable } from '#core/invariant';
import { stateName } from '#core/migration/abilities';
import { err, ok, type Result } from '#core/result';
import { waveCommandTypes, type WaveCommand, type WaveCommandType, type WaveRejection } from './commands.ts';
import { canTakeWave, type WaveState } from './evolve.ts';
import type { WaveFact } from './facts.ts';
import { wavePlanProblems } from './plan-problems.ts';

/** Where a wave stands, as text: `windowOpen.admitting`. */
export const waveStateName = (state: WaveState): string => stateName(state.snapshot.value);

/** What a command leads to, or why not. Pure. */
export function decideWave(command: WaveCommand, state: WaveState): Result<readonly WaveFact[], WaveRejection> {
  const { plan } = state.snapshot.context;
  const drafted = plan !== null;
  if (command.type === 'DraftWave') {
    if (drafted) return err({ type: 'WaveAlreadyDrafted' });
    const problems = wavePlanProblems(command.data.plan);
    if (problems.length > 0) return err({ type: 'InvalidWavePlan', problems });
  } else if (!drafted) return err({ type: 'WaveNotDrafted' });
  if (command.type === 'ApproveWave' && plan?.approval === 'requiredByAnother' && command.data.by === plan.requester)
    return err({ type: 'WaveApproverIsRequester', by: command.data.by });
  const fact = factOf(command);
  if (!canTakeWave(state, fact)) return err({ type: 'WaveNotNow', command: command.type, state: waveStateName(state) });
  return ok([fact]);
}

/** Whether one wave command is possible now. */
export type WaveAbility =
  | { readonly command: WaveCommandType; readonly possible: true }
  | { readonly command: WaveCommandType; readonly possible: false; readonly why: WaveRejection };

/** Each wave command with whether it is possible now, and if not, why. */
export function legalWaveCommands(state: WaveState): readonly WaveAbility[] {
  return waveCommandTypes.map((type) => {
    if (type === 'DraftWave')
      return state.snapshot.context.plan
        ? { command: type, possible: false, why: { type: 'WaveAlreadyDrafted' } }
        : { command: type, possible: true };
    const decision = decideWave(exampleOf(type, state), state);
    return decision.ok ? { command: type, possible: true } : { command: type, possible: false, why: decision.error };
  });
}

function exampleOf(type: Exclude<WaveCommandType, 'DraftWave'>, state: WaveState): WaveCommand {
  switch (type) {
    case 'StartWave':
    case 'ResumeWave':
      return { type, data: {} };
    case 'ApproveWave':
      // Someone other than the requester, whoever that is.
      return { type, data: { by: `not ${state.snapshot.context.plan?.requester ?? ''}` } };
    case 'PauseWave':
    case 'CancelWave':
      return { type, data: { reason: 'asked' } };
    default:
      return unreachable(type);
  }
}

function factOf(command: WaveCommand): WaveFact {
  switch (command.type) {
    case 'DraftWave':
      return { type: 'WaveDrafted', data: command.data };
    case 'StartWave':
      return { type: 'WaveStarted', data: {} };
    case 'ApproveWave':
      return { type: 'WaveApproved', data: command.data };
    case 'PauseWave':
      return { type: 'WavePaused', data: command.data };
    case 'ResumeWave':
      return { type: 'WaveResumed', data: {} };
    case 'CancelWave':
      return { type: 'WaveCancelled', data: command.data };
    default:
      return unreachable(command);
  }
}
