import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { migrationId, type MigrationId } from '#core/ids';
import { axesOf } from '#core/migration/abilities';
import { decide } from '#core/migration/decide';
import { canTake, evolve, initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import type { MigrationPlan } from '#core/migration/plan';
import { instant } from '#core/units';
import { sampleFacts, samplePlan } from '#test/support/migration-facts';
import { doingOf, freshReality } from '#test/support/small-world';
import { wavePlanProblems, type WaveMember, type WavePlan } from './plan.ts';
import { planWave, wavePlanner, type WavePhase } from './planner.ts';

const id = (n: number): MigrationId => migrationId(`vm-${n}`);
const wave = (members: readonly WaveMember[], changes: Partial<WavePlan> = {}): WavePlan => ({
  name: 'first',
  members,
  window: { opens: instant(100), closes: instant(200) },
  limits: { replicating: 2, cuttingOver: 1 },
  onWindowClose: 'rollBack',
  requester: 'ada',
  ...changes,
});
const alone = (n: number): WaveMember => ({ migration: id(n), after: [] });

/** A few migrations that move when they are told to, one fact at a time. */
class Fleet {
  readonly members = new Map<MigrationId, MigrationState>();
  constructor(plans: readonly MigrationPlan[]) {
    plans.forEach((plan, n) => this.take(id(n), { type: 'MigrationDrafted', data: { plan } }));
  }
  take(member: MigrationId, fact: MigrationFact): void {
    const state = this.members.get(member) ?? initialMigration();
    this.members.set(member, evolve(state, fact, { stream: `migration-${member}`, time: instant(0) }));
  }
  /** Carries out what the planner wants. Every command it gives must be one that is taken. */
  obey(situation: { phase: WavePhase; plan: WavePlan; approvedBy: string | null }): boolean {
    const { commands, settled } = planWave({ ...situation, members: this.members });
    for (const { migration, command } of commands) {
      const decision = decide(command, this.members.get(migration) ?? initialMigration());
      expect(decision, `${command.type} to ${migration}`).toMatchObject({ ok: true });
      if (decision.ok) for (const fact of decision.value) this.take(migration, fact);
    }
    return settled && commands.length === 0;
  }
  /** Lets one member do one piece of its work. False if it has none. */
  work(member: MigrationId): boolean {
    const state = this.members.get(member);
    const work = state?.work.find(({ effect }) => effect.type !== 'armTimer');
    if (!work) return false;
    this.take(member, doingOf(work.effect)(freshReality()));
    return true;
  }
  at(n: number) {
    return axesOf(this.members.get(id(n)) ?? initialMigration());
  }
  count(holds: (axes: ReturnType<typeof axesOf>) => boolean): number {
    return [...this.members.values()].filter((state) => holds(axesOf(state))).length;
  }
}

const isCuttingOver = ({ lifecycle }: { lifecycle: string }): boolean => lifecycle.startsWith('cuttingOver');
const isReplicating = ({ replication }: { replication: string }): boolean =>
  ['initiating', 'fullSync', 'deltaSync', 'rescan'].includes(replication);

describe('the planner', () => {
  it('is the same whoever asks again without a change', () => {
    const fleet = new Fleet([samplePlan(), samplePlan()]);
    const situation = {
      phase: 'prepare' as const,
      plan: wave([alone(0), alone(1)]),
      approvedBy: null,
      members: fleet.members,
    };
    expect(planWave(situation)).toEqual(planWave(situation));
  });

  it('starts no cutover before the window opens, whatever is parked and approved', () => {
    const fleet = new Fleet([samplePlan({ approval: 'given' })]);
    for (let step = 0; step < 50; step += 1) {
      fleet.obey({ phase: 'prepare', plan: wave([alone(0)]), approvedBy: 'grace' });
      fleet.work(id(0));
    }
    expect(fleet.at(0)).toMatchObject({ lifecycle: 'protected', replication: 'parked.resting' });
  });

  it('starts no cutover without an approval (L23)', () => {
    const fleet = new Fleet([samplePlan()]);
    for (let step = 0; step < 50; step += 1) {
      fleet.obey({ phase: 'cutOver', plan: wave([alone(0)]), approvedBy: null });
      fleet.work(id(0));
    }
    expect(fleet.at(0).lifecycle).toBe('protected');
  });

  it('does not let an approver approve what they asked for, where the plan forbids it', () => {
    const fleet = new Fleet([samplePlan({ approval: 'requiredByAnother' })]);
    for (let step = 0; step < 50; step += 1) {
      fleet.obey({ phase: 'cutOver', plan: wave([alone(0)]), approvedBy: 'ada' });
      fleet.work(id(0));
    }
    expect(fleet.at(0).lifecycle).toBe('protected');
  });

  it('revokes what only waits and rolls back what runs when the window closes (L10)', () => {
    const fleet = new Fleet([samplePlan({ approval: 'given' }), samplePlan({ approval: 'given' })]);
    const plan = wave([alone(0), alone(1)], { limits: { replicating: 2, cuttingOver: 2 } });
    const situation = { phase: 'cutOver' as const, plan, approvedBy: null };
    for (let step = 0; step < 50 && fleet.at(0).lifecycle !== 'cuttingOver.finalSync'; step += 1) {
      fleet.obey(situation);
      fleet.work(id(0));
      if (fleet.at(1).lifecycle !== 'cuttingOver.approved') fleet.work(id(1));
    }
    expect([fleet.at(0).lifecycle, fleet.at(1).lifecycle]).toEqual(['cuttingOver.finalSync', 'cuttingOver.approved']);
    fleet.obey({ ...situation, phase: 'recover' });
    expect([fleet.at(0).lifecycle, fleet.at(1).lifecycle]).toEqual(['rollingBack', 'protected']);
    expect(fleet.obey({ ...situation, phase: 'recover' })).toBe(false);
    fleet.work(id(0));
    expect(fleet.obey({ ...situation, phase: 'recover' })).toBe(true);
  });

  it('never exceeds a limit, keeps the order, serves everyone, and settles (L11, L21)', () => {
    const fleets = fc.record({
      after: fc.array(fc.array(fc.nat({ max: 6 }), { maxLength: 2 }), { minLength: 1, maxLength: 7 }),
      replicating: fc.integer({ min: 1, max: 3 }),
      cuttingOver: fc.integer({ min: 1, max: 3 }),
      turns: fc.array(fc.nat(), { minLength: 1, maxLength: 40 }),
    });
    fc.assert(
      fc.property(fleets, ({ after, replicating, cuttingOver, turns }) => {
        const members = after.map((before, n) => ({
          migration: id(n),
          after: [...new Set(before)].filter((b) => b < n).map(id),
        }));
        const plan = wave(members, { limits: { replicating, cuttingOver } });
        const fleet = new Fleet(members.map(() => samplePlan({ approval: 'given' })));
        let settled = false;
        for (let step = 0; !settled && step < 2_000; step += 1) {
          settled = fleet.obey({ phase: 'cutOver', plan, approvedBy: null });
          expect(fleet.count(isReplicating)).toBeLessThanOrEqual(replicating);
          expect(fleet.count(isCuttingOver)).toBeLessThanOrEqual(cuttingOver);
          for (const { migration, after: before } of members) {
            if (!isCuttingOver(axesOf(fleet.members.get(migration) ?? initialMigration()))) continue;
            for (const other of before)
              expect(axesOf(fleet.members.get(other) ?? initialMigration()).lifecycle).toBe('cutOver');
          }
          // Turns say who is fast and who is slow; nobody is for ever.
          const turn = turns[step % turns.length] ?? 0;
          for (let n = 0; n < members.length; n += 1) if (fleet.work(id((turn + n) % members.length))) break;
        }
        expect(settled).toBe(true);
        expect(fleet.count(({ lifecycle }) => lifecycle === 'cutOver')).toBe(members.length);
      }),
      { numRuns: 40 },
    );
  });
});

describe('a planner that is told of changes', () => {
  it('wants what one wants that looks at everything anew, whatever the walk', () => {
    const policies = fc.record({
      approval: fc.constantFrom('given' as const, 'required' as const, 'requiredByAnother' as const),
      testLaunch: fc.constantFrom('optional' as const, 'required' as const),
    });
    const walks = fc.record({
      policies: fc.array(policies, { minLength: 1, maxLength: 6 }),
      after: fc.array(fc.array(fc.nat({ max: 5 }), { maxLength: 2 }), { minLength: 6, maxLength: 6 }),
      turns: fc.array(fc.record({ member: fc.nat(), fact: fc.nat() }), { maxLength: 80 }),
      approvedBy: fc.constantFrom('ada', 'grace', null),
    });
    fc.assert(
      fc.property(walks, ({ policies: each, after, turns, approvedBy }) => {
        const members = each.map((_, n) => ({
          migration: id(n),
          after: (after[n] ?? []).filter((b) => b < n).map(id),
        }));
        const plan = wave(members);
        const fleet = new Fleet(each.map((policy) => samplePlan(policy)));
        const planner = wavePlanner(plan);
        const tell = (member: MigrationId): void =>
          planner.update(member, fleet.members.get(member) ?? initialMigration());
        members.forEach(({ migration }) => tell(migration));
        for (const turn of turns) {
          const member = id(turn.member % members.length);
          const state = fleet.members.get(member) ?? initialMigration();
          const possible = sampleFacts(state.snapshot.context).filter((fact) => canTake(state, fact));
          const fact = possible[turn.fact % Math.max(1, possible.length)];
          if (fact) fleet.take(member, fact);
          tell(member);
          for (const phase of ['prepare', 'cutOver', 'recover'] as const)
            expect(planner.decide(phase, approvedBy)).toEqual(
              planWave({ phase, plan, approvedBy, members: fleet.members }),
            );
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('a wave plan', () => {
  it('names what is wrong with it', () => {
    expect(wavePlanProblems(wave([{ migration: id(0), after: [id(9)] }]))).toEqual([
      expect.stringContaining('vm-9, which is not in the wave'),
    ]);
    expect(
      wavePlanProblems(
        wave([
          { migration: id(0), after: [id(1)] },
          { migration: id(1), after: [id(0)] },
        ]),
      ),
    ).toEqual([expect.stringContaining('comes after itself')]);
    expect(wavePlanProblems(wave([alone(0), alone(0)]))).toHaveLength(1);
    expect(wavePlanProblems(wave([alone(0)], { window: { opens: instant(2), closes: instant(2) } }))).toHaveLength(1);
    expect(wavePlanProblems(wave([alone(0)]))).toEqual([]);
  });
});
