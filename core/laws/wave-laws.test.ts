import { describe, expect, it } from 'vitest';
import { migrationId } from '#core/ids';
import { instant, millis } from '#core/units';
import type { WaveMember, WavePlan } from '#core/wave/plan';
import {
  asked,
  cutover,
  entriesOf,
  line,
  member,
  rounded,
  toParked,
  waveLine,
  waveOf,
  type Line,
} from '#test/support/law-logs';
import { judgeLog } from './judge.ts';
import { laws } from './laws.ts';

const db = (more: Partial<WaveMember> = {}): WaveMember => ({ migration: migrationId('db'), after: [], ...more });
const web = (more: Partial<WaveMember> = {}): WaveMember => ({ migration: migrationId('web'), after: [], ...more });
const seconds = (count: number) => instant(count * 1_000);
/** A wave with room for two, whose window closes after 5000 s. */
const wave = (plan: Partial<WavePlan> = {}): readonly Line[] =>
  waveOf({
    members: [db(), web()],
    limits: { replicating: 9, cuttingOver: 9 },
    window: { opens: seconds(0), closes: seconds(5_000) },
    ...plan,
  });
const parked = ['db', 'web'].flatMap((id) => member(id, ...toParked({ approval: 'given' })));
const starts = (id: string, actor = 'planner', at?: number): readonly Line[] =>
  member(id, line('CutoverApproved', { by: 'grace' }), {
    ...line('CutoverStarted'),
    actor,
    ...(at !== undefined && { at }),
  });
const closed = waveLine('WindowClosed', {}, { at: 5_000 });
const takenBack = member('db', line('RolledBack', { source: 'running' }));

const says = (law: string, lines: readonly Line[]): readonly string[] =>
  judgeLog(laws, entriesOf(lines), { isOver: false }).flatMap((breach) => (breach.law === law ? [breach.why] : []));

describe('laws of waves', () => {
  it('L10: nobody is begun after the last moment at which it may be', () => {
    const plan = wave({ members: [db({ expected: millis(1_000_000) }), web()] });
    const passed = waveLine('LastStartPassed', { at: seconds(4_000) }, { at: 4_000 });
    expect(says('L10', [...plan, ...parked, passed, ...starts('db', 'planner', 4_100)])).toEqual([
      'a cutover was begun after the last moment at which it may be',
    ]);
    expect(says('L10', [...plan, ...parked, passed, ...starts('web', 'planner', 4_100)])).toEqual([]);
    expect(says('L10', [...plan, ...parked, passed, ...starts('db', 'operator:ada', 4_100)])).toEqual([]);
  });

  it('L10: nothing is begun in a window that has closed for long, by the wave', () => {
    const lines = (actor: string, at: number): readonly Line[] => [
      ...[...wave(), ...parked, ...starts('db', actor, 4_900), closed],
      ...member('db', { ...asked('quiesceSource'), at }),
    ];
    expect(says('L10', lines('planner', 7_000))).toHaveLength(1);
    expect(says('L10', lines('planner', 5_100))).toEqual([]);
    expect(says('L10', lines('operator:ada', 7_000))).toEqual([]);
    const finishes = [...wave({ onWindowClose: 'finish' }), ...parked, ...starts('db', 'planner', 4_900), closed];
    const rests = member('db', { ...asked('quiesceSource'), at: 7_000 });
    expect(says('L10', [...finishes, ...rests])).toEqual([]);
    expect(says('L10', [...finishes, ...member('db', { ...rounded(2, 'delta'), at: 6_900 }), ...rests])).toHaveLength(
      1,
    );
    expect(says('L10', [...wave(), ...parked, closed, ...starts('db', 'planner', 7_000)])).toHaveLength(1);
  });

  it('L10: a target that does not run when the window closes is not launched, where the plan says to go back', () => {
    const lines = (onWindowClose: 'rollBack' | 'finish'): readonly Line[] => [
      ...[...wave({ onWindowClose }), ...parked, ...starts('db', 'planner', 4_900), closed],
      ...member('db', { ...asked('launchTarget'), at: 7_000 }, line('TargetConnected', { networks: [] })),
    ];
    expect(says('L10', lines('rollBack'))).toHaveLength(1);
    expect(says('L10', lines('finish'))).toEqual([]);
  });

  it('L16: the order of members is kept', () => {
    const plan = wave({ members: [db(), web({ after: [migrationId('db')] })] });
    expect(says('L16', [...plan, ...parked, ...starts('db'), ...starts('web')])).toEqual([
      'web was cut over before db, which it is to follow',
    ]);
    const moved = [...plan, ...parked, ...member('db', ...cutover(1))];
    expect(says('L16', [...moved, ...starts('web')])).toEqual([]);
  });

  it('L21: nobody is tried more often than the wave has it', () => {
    const once = [...starts('db'), ...takenBack];
    expect(says('L21', [...wave(), ...parked, ...once, ...starts('db')])).toEqual([
      'it is cut over for the 2. time, and the wave allows 1',
    ]);
    const plan = wave({ retry: { times: 1, after: millis(0) } });
    expect(says('L21', [...plan, ...parked, ...once, ...starts('db')])).toEqual([]);
  });

  it('L21: those that are to be apart have no window in common', () => {
    const plan = wave({ members: [db({ apart: ['cluster'] }), web({ apart: ['cluster'] })] });
    expect(says('L21', [...plan, ...parked, ...starts('db'), ...takenBack, ...starts('web')])).toEqual([
      'web is cut over in the window of db, from which it is to be apart',
    ]);
  });

  it('L23: a wave that nobody approved begins nothing', () => {
    const plan = wave({ approval: 'required' });
    expect(says('L23', [...plan, ...parked, ...starts('db')])).toEqual([
      'the wave began a cutover, and nobody had approved the wave',
    ]);
    expect(says('L23', [...plan, waveLine('WaveApproved', { by: 'grace' }), ...parked, ...starts('db')])).toEqual([]);
    expect(says('L23', [...plan, ...parked, ...starts('db', 'operator:ada')])).toEqual([]);
  });

  it('L13: what was written while the replica rested is fetched before the source is stopped', () => {
    const [approved, started, ...rest] = cutover(1);
    const begun = [...toParked(), ...[approved, started].flatMap((each) => each ?? [])];
    expect(says('L13', [...begun, asked('quiesceSource')])).toHaveLength(1);
    expect(says('L13', [...begun, ...rest])).toEqual([]);
  });

  it('L3: a step that failed is followed by the way back', () => {
    const reason = { type: 'Sample', detail: 'a sample' };
    const failed = [...toParked(), ...cutover(1).slice(0, 9), line('LaunchFailed', { reason })];
    expect(says('L3', [...failed, asked('launchTarget')])).toEqual([
      'the launch failed, and the cutover goes on with launchTarget',
    ]);
    expect(says('L3', [...failed, asked('rollBack')])).toEqual([]);
  });

  it('L3: whoever gives a connected target up says that its writes may be lost', () => {
    const back = (acceptLossOfTargetWrites: boolean) =>
      line('RollbackRequested', { reason: 'asked', acceptLossOfTargetWrites });
    const connected = [...toParked(), ...cutover(1)];
    expect(says('L3', [...connected, back(false)])).toHaveLength(1);
    expect(says('L3', [...connected, back(true)])).toEqual([]);
    expect(says('L3', [...toParked(), ...cutover(1).slice(0, 6), back(false)])).toEqual([]);
  });

  it('L9: a cutover that is taken back before anything was asked of its source has not been lost', () => {
    const back = line('RollbackRequested', { reason: 'asked', acceptLossOfTargetWrites: false });
    const begun = [...toParked(), ...cutover(1).slice(0, 3)];
    const ofL9 = (lines: readonly Line[]): number =>
      judgeLog(laws, entriesOf(lines), { isOver: true }).filter(({ law }) => law === 'L9').length;
    expect(ofL9(begun)).toBe(1);
    expect(ofL9([...begun, back, line('RolledBack', { source: 'running' })])).toBe(0);
  });
});
