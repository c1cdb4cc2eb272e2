import { describe, expect, it } from 'vitest';
import { getSimplePaths } from 'xstate/graph';
import { migrationId, type MigrationId } from '#core/ids';
import { instant } from '#core/units';
import { sampleRetryPlan } from '#test/support/wave-facts';
import { decideWave, legalWaveCommands, waveStateName } from './decide.ts';
import { canTakeWave, evolveWave, initialWave, type WaveState } from './evolve.ts';
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

describe('tries and last starts', () => {
  const planned = sampleRetryPlan();
  const [db, web] = planned.members.map(({ migration }) => migration) as [MigrationId, MigrationId];
  const open = (...more: readonly WaveFact[]): WaveState =>
    [
      { type: 'WaveDrafted' as const, data: { plan: planned } },
      { type: 'WaveStarted' as const, data: {} },
      { type: 'WindowOpened' as const, data: {} },
      ...more,
    ].reduce((state, fact) => evolveWave(state, fact, { stream: 'wave-first', time: instant(0) }), initialWave());
  const rolledBack = (migration: MigrationId, cutovers: number): WaveFact => ({
    type: 'MemberRolledBack',
    data: { migration, cutovers },
  });
  const effects = (state: WaveState) => state.work.map(({ effect }) => effect);

  it('are timers of the chart, and not there where the plan asks for neither', () => {
    expect(effects(open())).toContainEqual({
      type: 'armDeadline',
      params: { deadline: 'lastStart', at: instant(1_600) },
    });
    expect(workOf(after('WaveDrafted', 'WaveStarted', 'WindowOpened'))).toEqual(['armDeadline', 'cutOverMembers']);
  });

  it('follow one another, until the last of them has passed', () => {
    const first = open({ type: 'LastStartPassed', data: { at: instant(1_600) } });
    expect(effects(first)).toContainEqual({
      type: 'armDeadline',
      params: { deadline: 'lastStart', at: instant(1_700) },
    });
    const second = evolveWave(
      first,
      { type: 'LastStartPassed', data: { at: instant(1_700) } },
      { stream: 'wave-first', time: instant(0) },
    );
    expect(effects(second).filter(({ type }) => type === 'armDeadline')).toEqual([
      { type: 'armDeadline', params: { deadline: 'windowCloses', at: instant(2_000) } },
    ]);
  });

  it('wait twice as long before each further try, and each for itself', () => {
    const state = open(rolledBack(db, 1), rolledBack(web, 3));
    expect(effects(state).filter(({ type }) => type === 'armRetry')).toEqual([
      { type: 'armRetry', params: { migration: db, cutovers: 1, wait: 100 } },
      { type: 'armRetry', params: { migration: web, cutovers: 3, wait: 200 } },
    ]);
    const due = evolveWave(
      state,
      { type: 'RetryCameDue', data: { migration: db, cutovers: 1 } },
      { stream: 'wave-first', time: instant(0) },
    );
    expect(effects(due).filter(({ type }) => type === 'armRetry')).toHaveLength(1);
    expect(due.snapshot.context.retries).toEqual({
      [db]: { cutovers: 1, due: true },
      [web]: { cutovers: 3, due: false },
    });
  });

  it('are noted once, and only as often as the plan has it tried', () => {
    expect(canTakeWave(open(rolledBack(db, 1)), rolledBack(db, 1))).toBe(false);
    expect(canTakeWave(open(rolledBack(db, 1)), rolledBack(db, 2))).toBe(true);
    expect(canTakeWave(open(), rolledBack(db, 3))).toBe(false);
    // The first of this one was before the wave.
    expect([1, 2, 3, 4].map((cutovers) => canTakeWave(open(), rolledBack(web, cutovers)))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
});

describe('wave commands', () => {
  it('leave the approval to another than the requester, where the plan says so (L23)', () => {
    const drafted = decideWave(
      { type: 'DraftWave', data: { plan: { ...plan, approval: 'requiredByAnother' } } },
      initialWave(),
    );
    const [fact] = drafted.ok ? drafted.value : [];
    if (!fact) throw new Error('not drafted');
    const state = evolveWave(initialWave(), fact, { stream: 'wave-first', time: instant(0) });
    expect(decideWave({ type: 'ApproveWave', data: { by: 'ada' } }, state)).toEqual({
      ok: false,
      error: { type: 'WaveApproverIsRequester', by: 'ada' },
    });
    expect(decideWave({ type: 'ApproveWave', data: { by: 'grace' } }, state)).toMatchObject({ ok: true });
    expect(legalWaveCommands(state)).toContainEqual({ command: 'ApproveWave', possible: true });
    expect(decideWave({ type: 'ApproveWave', data: { by: 'ada' } }, after('WaveDrafted'))).toMatchObject({ ok: true });
  });

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
