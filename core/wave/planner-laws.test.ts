import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { axesOf } from '#core/migration/abilities';
import { instant, millis } from '#core/units';
import { samplePlan } from '#test/support/migration-facts';
import { isCuttingOver, isReplicating, memberId as id, ObedientFleet } from '#test/support/obedient-fleet';
import { anyWavePlan } from '#test/support/wave-plans';
import { evolveWave, initialWave, type WaveState } from './evolve.ts';
import type { WaveFact } from './facts.ts';
import { waveModel } from './model.ts';
import type { WaveMember, WavePlan } from './plan.ts';
import { wavePlanner, type WaveDecision } from './planner.ts';
import { triesOf } from './retry.ts';

/** A wave whose window is open, with a fleet that obeys its planner; time moves when nobody has work. */
class Window {
  readonly plan: WavePlan;
  readonly fleet: ObedientFleet;
  wave: WaveState = initialWave();
  decision: WaveDecision = { commands: [], facts: [], settled: false };

  constructor(plan: WavePlan) {
    this.plan = plan;
    this.fleet = new ObedientFleet(plan.members.map(() => samplePlan({ approval: 'given' })));
    for (const { migration } of plan.members) this.fleet.verify(migration);
    for (const { migration, cutoversBefore = 0 } of plan.members)
      if (cutoversBefore > 0) this.fleet.rollBackOnce(migration);
    this.take({ type: 'WaveDrafted', data: { plan } });
    this.take({ type: 'WaveStarted', data: {} });
    this.take({ type: 'WindowOpened', data: {} });
  }

  take(fact: WaveFact): void {
    this.wave = evolveWave(this.wave, fact, { stream: 'wave-any', time: instant(0) });
  }

  /** Has the planner look until it wants nothing more. */
  obey(): void {
    do {
      const { context } = this.wave.snapshot;
      this.decision = this.fleet.obey({ phase: 'cutOver', plan: this.plan, approvedBy: null, notes: context });
      for (const fact of this.decision.facts) this.take(fact);
    } while (this.decision.commands.length + this.decision.facts.length > 0);
  }

  /** One member that has work does a piece of it; without any, a back-off passes. False if nothing can happen. */
  move(turn: number, fails: boolean): boolean {
    const { members } = this.plan;
    for (let n = 0; n < members.length; n += 1)
      if (this.fleet.work(id((turn + n) % members.length), { fails })) return true;
    const retry = this.wave.work.find(({ effect }) => effect.type === 'armRetry');
    if (retry) this.take(waveModel.notes.deadlinePassed(retry.effect));
    return retry !== undefined;
  }

  is(member: WaveMember, holds: (axes: ReturnType<typeof axesOf>) => boolean): boolean {
    return holds(axesOf(this.fleet.stateOf(member.migration)));
  }

  tries(member: WaveMember): number {
    return triesOf(member, this.fleet.stateOf(member.migration).cutovers);
  }
}

/** Walks a wave to its end, and lets `look` look after each thing that happens. Gives back the window as it ended. */
function walk(plan: WavePlan, turns: readonly number[], failures: readonly boolean[], look: (at: Window) => void) {
  const window = new Window(plan);
  for (let step = 0; step < 3_000; step += 1) {
    window.obey();
    look(window);
    if (window.decision.settled) return window;
    const moved = window.move(turns[step % turns.length] ?? 0, failures[step % failures.length] ?? false);
    if (!moved) break;
    look(window);
  }
  throw new Error('the wave does not come to an end');
}

const features = { apart: false, retry: false, expected: false };
const turns = fc.array(fc.nat(), { minLength: 1, maxLength: 40 });
const failures = fc.array(fc.boolean(), { minLength: 1, maxLength: 13 });
const hasMoved = ({ lifecycle }: { lifecycle: string }): boolean => lifecycle === 'cutOver';

describe('whatever the plan, and whoever is slow', () => {
  it('no resource is ever over its tokens, and no limit exceeded (L21)', () =>
    fc.assert(
      fc.property(anyWavePlan({ ...features, retry: true, apart: true }), turns, failures, (plan, each, fails) => {
        walk(plan, each, fails, (window) => {
          const used = new Map<string, number>();
          for (const member of plan.members) {
            const needs = window.is(member, isCuttingOver)
              ? member.resources?.cuttingOver
              : window.is(member, isReplicating)
                ? member.resources?.replicating
                : undefined;
            for (const [name, amount] of Object.entries(needs ?? {})) used.set(name, (used.get(name) ?? 0) + amount);
          }
          for (const [name, amount] of used) expect(amount, name).toBeLessThanOrEqual(plan.limits.tokens?.[name] ?? 0);
          expect(window.fleet.count(isCuttingOver)).toBeLessThanOrEqual(plan.limits.cuttingOver);
        });
      }),
      { numRuns: 40 },
    ));

  it('everybody is cut over, where nothing fails and nobody is to be apart (L11)', () =>
    fc.assert(
      fc.property(anyWavePlan(features), turns, (plan, each) => {
        const window = walk(plan, each, [false], () => undefined);
        expect(window.fleet.count(hasMoved)).toBe(plan.members.length);
      }),
      { numRuns: 40 },
    ));

  it('everybody who stays has a reason that the plan and the log name', () =>
    fc.assert(
      fc.property(anyWavePlan({ ...features, retry: true, apart: true }), turns, failures, (plan, each, fails) => {
        const window = walk(plan, each, fails, () => undefined);
        const planner = wavePlanner(plan);
        for (const [migration, state] of window.fleet.members) planner.update(migration, state);
        planner.decide('cutOver', null, window.wave.snapshot.context);
        const whyLeft = planner.reasons();
        const stays = (member: WaveMember): boolean => !window.is(member, hasMoved);
        for (const member of plan.members.filter(stays)) {
          const rolledBack = window.tries(member) > (plan.retry?.times ?? 0);
          if (!rolledBack) expect(window.tries(member)).toBe(0);
          const comesAfterOne = plan.members.some((other) => member.after.includes(other.migration) && stays(other));
          const because = rolledBack || comesAfterOne || whyLeft(member.migration) !== undefined;
          expect(because, member.migration).toBe(true);
        }
      }),
      { numRuns: 40 },
    ));

  it('an application that cuts over together begins as one, and nobody takes a place of it', () =>
    fc.assert(
      fc.property(anyWavePlan({ ...features, retry: true }), turns, failures, (plan, each, fails) => {
        for (const name of plan.together ?? []) {
          const members = plan.members.filter(({ application }) => application === name);
          walk(plan, each, fails, (window) => {
            if (!members.some((member) => window.is(member, isCuttingOver))) return;
            // Once one is cutting over, each of the others has begun, or waits for nothing but its order or its back-off.
            for (const member of members) {
              if (window.is(member, isCuttingOver) || window.is(member, hasMoved)) continue;
              if (window.tries(member) > 0) continue;
              expect(axesOf(window.fleet.stateOf(member.migration)).replication).toBe('parked.resting');
              const waits = plan.members.some(
                (other) => member.after.includes(other.migration) && !window.is(other, hasMoved),
              );
              if (window.decision.commands.length === 0) expect(waits || window.decision.settled).toBe(true);
            }
          });
        }
      }),
      { numRuns: 40 },
    ));

  it('no two that are to be apart are begun in one window', () =>
    fc.assert(
      fc.property(anyWavePlan({ ...features, retry: true, apart: true }), turns, failures, (plan, each, fails) => {
        const window = walk(plan, each, fails, () => undefined);
        for (const group of ['cluster', 'other']) {
          const begun = plan.members.filter(({ apart = [], ...member }) => {
            return apart.includes(group) && window.tries(member) > 0;
          });
          expect(begun.length, group).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 40 },
    ));

  it('nobody is tried more often than the plan has it', () =>
    fc.assert(
      fc.property(anyWavePlan({ ...features, retry: true }), turns, (plan, each) => {
        const window = walk(plan, each, [true], () => undefined);
        for (const member of plan.members)
          expect(window.tries(member)).toBeLessThanOrEqual(1 + (plan.retry?.times ?? 0));
      }),
      { numRuns: 40 },
    ));
});

describe('one that needs much', () => {
  const small = (n: number): WaveMember => ({
    migration: id(n),
    after: [],
    resources: { replicating: { host: 1 }, cuttingOver: { host: 1 } },
  });
  const plan = (more: Partial<WavePlan>, members: readonly WaveMember[]): WavePlan => ({
    name: 'crowded',
    members,
    window: { opens: instant(100), closes: instant(200) },
    limits: { replicating: 20, cuttingOver: 20, tokens: { host: 4 } },
    onWindowClose: 'rollBack',
    requester: 'ada',
    ...more,
  });
  /** The order in which members are admitted to replication. */
  const admitted = (of: WavePlan): readonly string[] => {
    const begun = new Set<string>();
    walk(of, [0, 3, 1, 5, 2], [false], (window) => {
      for (const member of of.members)
        if (window.is(member, ({ replication }) => replication !== 'idle')) begun.add(member.migration);
    });
    return [...begun];
  };

  it('of a resource is not overtaken for ever by those that need little', () => {
    const members = [...[0, 1, 2, 3].map(small), { ...small(4), resources: { replicating: { host: 4 } } }];
    const crowd = plan({}, [...members, ...[5, 6, 7, 8, 9, 10, 11].map(small)]);
    expect(admitted(crowd).indexOf('vm-4')).toBe(4);
  });

  describe('and is many', () => {
    const bare = (n: number, more: Partial<WaveMember> = {}): WaveMember => ({ migration: id(n), after: [], ...more });
    const crm = { application: 'crm' };
    /** Everybody is parked when the window opens. */
    const opened = (members: readonly WaveMember[], cuttingOver: number): Window => {
      const window = new Window(plan({ together: ['crm'], limits: { replicating: 20, cuttingOver } }, members));
      for (const { migration } of members) {
        window.fleet.take(migration, { type: 'ProtectionStarted', data: {} });
        while (window.fleet.work(migration)) continue;
      }
      return window;
    };
    const begun = (window: Window): readonly string[] =>
      window.plan.members.filter((member) => window.tries(member) > 0).map(({ migration }) => migration);

    it('is not overtaken for ever by single ones', () => {
      const crowd = [bare(0), bare(1), ...[2, 3, 4].map((n) => bare(n, crm)), ...[5, 6, 7, 8, 9].map((n) => bare(n))];
      const window = opened(crowd, 3);
      window.obey();
      expect(begun(window)).toEqual(['vm-0', 'vm-1']);
      while (window.fleet.work(id(0))) continue;
      window.obey();
      expect(begun(window)).toEqual(['vm-0', 'vm-1']);
      while (window.fleet.work(id(1))) continue;
      window.obey();
      expect(begun(window)).toEqual(['vm-0', 'vm-1', 'vm-2', 'vm-3', 'vm-4']);
    });

    it('keeps its places for those of it that follow in order, and loses them when it is taken back', () => {
      const members = [bare(0, crm), bare(1, { ...crm, after: [id(0)] }), bare(2)];
      const window = opened(members, 2);
      window.obey();
      expect(begun(window)).toEqual(['vm-0']);
      while (window.fleet.work(id(0))) continue;
      window.obey();
      expect(begun(window)).toEqual(['vm-0', 'vm-1', 'vm-2']);
      const other = opened(members, 2);
      other.obey();
      while (other.fleet.work(id(0), { fails: true })) continue;
      other.obey();
      expect(begun(other)).toEqual(['vm-0', 'vm-2']);
    });
  });
});

describe('priorities', () => {
  it('decide who goes first among those that could go', () => {
    const members = [0, 1, 2, 3].map((n) => ({ migration: id(n), after: [], priority: n % 3 }));
    const plan: WavePlan = {
      name: 'prior',
      members,
      window: { opens: instant(100), closes: instant(200) },
      limits: { replicating: 1, cuttingOver: 1 },
      onWindowClose: 'rollBack',
      requester: 'ada',
    };
    const fleet = new ObedientFleet(members.map(() => samplePlan({ approval: 'given' })));
    const begun: string[] = [];
    for (let step = 0; step < 200; step += 1) {
      const { commands } = fleet.obey({ phase: 'prepare', plan, approvedBy: null });
      begun.push(...commands.filter(({ command }) => command.type === 'StartProtection').map((each) => each.migration));
      for (const { migration } of members) fleet.work(migration);
    }
    expect(begun).toEqual(['vm-2', 'vm-1', 'vm-0', 'vm-3']);
  });
});

describe('the last start', () => {
  const plan: WavePlan = {
    name: 'late',
    members: [
      { migration: id(0), after: [], expected: millis(50) },
      { migration: id(1), after: [] },
    ],
    window: { opens: instant(100), closes: instant(200) },
    limits: { replicating: 2, cuttingOver: 1 },
    onWindowClose: 'rollBack',
    requester: 'ada',
  };

  it('is armed with the window, and after it what would take too long is not begun (L10)', () => {
    const window = new Window(plan);
    const [, lastStart] = window.wave.work.map(({ effect }) => effect);
    expect(window.wave.work.map(({ effect }) => effect)).toContainEqual({
      type: 'armDeadline',
      params: { deadline: 'lastStart', at: instant(150) },
    });
    expect(lastStart).toBeDefined();
    window.take({ type: 'LastStartPassed', data: { at: instant(150) } });
    for (let step = 0; step < 100 && !window.decision.settled; step += 1) {
      window.obey();
      window.move(step, false);
    }
    expect(window.decision.settled).toBe(true);
    expect(axesOf(window.fleet.stateOf(id(0))).lifecycle).toBe('protected');
    expect(axesOf(window.fleet.stateOf(id(1))).lifecycle).toBe('cutOver');
    const planner = wavePlanner(plan);
    for (const [migration, state] of window.fleet.members) planner.update(migration, state);
    planner.decide('cutOver', null, window.wave.snapshot.context);
    expect([0, 1].map((n) => planner.reasons()(id(n)))).toEqual(['late', undefined]);
  });
});

describe('the approval of a wave', () => {
  it('is waited for where the plan asks for it, whatever its members say (L23)', () => {
    const plan: WavePlan = {
      name: 'approved',
      members: [{ migration: id(0), after: [] }],
      window: { opens: instant(100), closes: instant(200) },
      limits: { replicating: 2, cuttingOver: 1 },
      approval: 'requiredByAnother',
      onWindowClose: 'rollBack',
      requester: 'ada',
    };
    const fleet = new ObedientFleet([samplePlan({ approval: 'given' })]);
    for (let step = 0; step < 50; step += 1) {
      fleet.obey({ phase: 'cutOver', plan, approvedBy: null });
      fleet.work(id(0));
    }
    expect(fleet.at(0).lifecycle).toBe('protected');
    fleet.obey({ phase: 'cutOver', plan, approvedBy: 'grace' });
    expect(fleet.at(0).lifecycle).toBe('cuttingOver.approved');
  });
});
