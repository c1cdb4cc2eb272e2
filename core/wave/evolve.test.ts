import { describe, expect, it } from 'vitest';
import { getSimplePaths } from 'xstate/graph';
import { migrationId } from '#core/ids';
import { instant } from '#core/units';
import { decideWave, legalWaveCommands, waveStateName } from './decide.ts';
import { evolveWave, initialWave, type WaveState } from './evolve.ts';
import type { WaveFact } from './facts.ts';
import { waveMachine } from './machine.ts';
import type { WavePlan } from './plan.ts';

const plan: WavePlan = {
  name: 'first',
  members: [{ migration: migrationId('a'), after: [] }],
  window: { opens: instant(100), closes: instant(200) },
  limits: { replicating: 1, cuttingOver: 1 },
  onWindowClose: 'finish',
  requester: 'ada',
};
const facts: readonly WaveFact[] = [
  { type: 'WaveDrafted', data: { plan } },
  { type: 'WaveStarted', data: {} },
  { type: 'WaveApproved', data: { by: 'grace' } },
  { type: 'WindowOpened', data: {} },
  { type: 'WindowClosed', data: {} },
  { type: 'WavePaused', data: { reason: 'wait' } },
  { type: 'WaveResumed', data: {} },
  { type: 'WaveCancelled', data: { reason: 'no' } },
  { type: 'WaveCompleted', data: { members: [] } },
];
const after = (...types: readonly WaveFact['type'][]): WaveState =>
  types.reduce((state, type) => {
    const fact = facts.find((each) => each.type === type) as WaveFact;
    return evolveWave(state, fact, { stream: 'wave-first', time: instant(0) });
  }, initialWave());
const workOf = (state: WaveState) => state.work.map(({ effect }) => effect.type);

describe('the wave chart', () => {
  it('walks every simple path, and each ends with work, a wait, or an end', () => {
    const paths = getSimplePaths(waveMachine, { events: [...facts] });
    const values = new Set(paths.map(({ state }) => JSON.stringify(state.value)));
    expect(paths.length).toBeGreaterThan(10);
    expect(values.size).toBe(9);
    for (const { steps } of paths) {
      const walked = steps.map(({ event }) => event.type) as readonly string[];
      if (walked.includes('WindowClosed')) expect(walked).toContain('WindowOpened');
      if (walked.includes('WaveCompleted')) expect(walked).toContain('WaveStarted');
    }
  });

  it('prepares until the window opens, then cuts over until it closes, then recovers', () => {
    expect(workOf(after('WaveDrafted', 'WaveStarted'))).toEqual(['armDeadline', 'prepareMembers']);
    expect(workOf(after('WaveDrafted', 'WaveStarted', 'WindowOpened'))).toEqual(['armDeadline', 'cutOverMembers']);
    expect(workOf(after('WaveDrafted', 'WaveStarted', 'WindowOpened', 'WindowClosed'))).toEqual(['recoverMembers']);
  });

  it('keeps its deadline and gives no work while it is paused', () => {
    expect(workOf(after('WaveDrafted', 'WaveStarted', 'WavePaused'))).toEqual(['armDeadline']);
    expect(workOf(after('WaveDrafted', 'WaveStarted', 'WavePaused', 'WaveResumed'))).toEqual([
      'armDeadline',
      'prepareMembers',
    ]);
  });

  it('brings what runs to an end when it is cancelled', () => {
    expect(workOf(after('WaveDrafted', 'WaveStarted', 'WindowOpened', 'WaveCancelled'))).toEqual(['recoverMembers']);
    expect(waveStateName(after('WaveDrafted', 'WaveCancelled'))).toBe('cancelled');
  });

  it('refuses a fact that cannot follow', () => {
    expect(() => after('WindowOpened')).toThrow('WindowOpened cannot follow');
  });
});

describe('wave commands', () => {
  it('are refused where they mean nothing, with the state named', () => {
    expect(decideWave({ type: 'ResumeWave', data: {} }, after('WaveDrafted'))).toEqual({
      ok: false,
      error: { type: 'WaveNotNow', command: 'ResumeWave', state: 'draft' },
    });
    expect(decideWave({ type: 'StartWave', data: {} }, initialWave())).toMatchObject({
      error: { type: 'WaveNotDrafted' },
    });
  });
  it('are listed with whether they are possible', () => {
    const possible = legalWaveCommands(after('WaveDrafted', 'WaveStarted')).filter((ability) => ability.possible);
    expect(possible.map(({ command }) => command)).toEqual(['ApproveWave', 'PauseWave', 'CancelWave']);
  });
});
