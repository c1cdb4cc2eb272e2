import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { axesOf } from '#core/migration/abilities';
import { initialMigration } from '#core/migration/evolve';
import { instant } from '#core/units';
import { samplePlan } from '#test/support/migration-facts';
import { isCuttingOver, isReplicating, memberId, ObedientFleet } from '#test/support/obedient-fleet';
import type { WaveMember, WavePlan } from './plan.ts';
import { planWave } from './planner.ts';

const id = memberId;
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

describe('the planner', () => {
  it('is the same whoever asks again without a change', () => {
    const fleet = new ObedientFleet([samplePlan(), samplePlan()]);
    const situation = {
      phase: 'prepare' as const,
      plan: wave([alone(0), alone(1)]),
      approvedBy: null,
      members: fleet.members,
    };
    expect(planWave(situation)).toEqual(planWave(situation));
  });

  it('starts no cutover before the window opens, whatever is parked and approved', () => {
    const fleet = new ObedientFleet([samplePlan({ approval: 'given' })]);
    for (let step = 0; step < 50; step += 1) {
      fleet.obey({ phase: 'prepare', plan: wave([alone(0)]), approvedBy: 'grace' });
      fleet.work(id(0));
    }
    expect(fleet.at(0)).toMatchObject({ lifecycle: 'protected', replication: 'parked.resting' });
  });

  it('starts no cutover without an approval (L23)', () => {
    const fleet = new ObedientFleet([samplePlan()]);
    for (let step = 0; step < 50; step += 1) {
      fleet.obey({ phase: 'cutOver', plan: wave([alone(0)]), approvedBy: null });
      fleet.work(id(0));
    }
    expect(fleet.at(0).lifecycle).toBe('protected');
  });

  it('does not let an approver approve what they asked for, where the plan forbids it', () => {
    const fleet = new ObedientFleet([samplePlan({ approval: 'requiredByAnother' })]);
    for (let step = 0; step < 50; step += 1) {
      fleet.obey({ phase: 'cutOver', plan: wave([alone(0)]), approvedBy: 'ada' });
      fleet.work(id(0));
    }
    expect(fleet.at(0).lifecycle).toBe('protected');
  });

  it('revokes what only waits and rolls back what runs when the window closes (L10)', () => {
    const fleet = new ObedientFleet([samplePlan({ approval: 'given' }), samplePlan({ approval: 'given' })]);
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
    expect(fleet.obey({ ...situation, phase: 'recover' }).settled).toBe(false);
    fleet.work(id(0));
    expect(fleet.obey({ ...situation, phase: 'recover' })).toEqual({ commands: [], facts: [], settled: true });
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
        const fleet = new ObedientFleet(members.map(() => samplePlan({ approval: 'given' })));
        let settled = false;
        for (let step = 0; !settled && step < 2_000; step += 1) {
          settled = fleet.obey({ phase: 'cutOver', plan, approvedBy: null }).settled;
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
