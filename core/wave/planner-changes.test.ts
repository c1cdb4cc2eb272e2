import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { MigrationId } from '#core/ids';
import { canTake } from '#core/migration/evolve';
import { instant } from '#core/units';
import { sampleFacts, samplePlan } from '#test/support/migration-facts';
import { memberId, ObedientFleet } from '#test/support/obedient-fleet';
import { anyWavePlan } from '#test/support/wave-plans';
import { canTakeWave, evolveWave, initialWave, type WaveState } from './evolve.ts';
import type { WaveFact } from './facts.ts';
import { waveModel } from './model.ts';
import { planWave, wavePlanner } from './planner.ts';

const policy = fc.record({
  approval: fc.constantFrom('given' as const, 'required' as const, 'requiredByAnother' as const),
  testLaunch: fc.constantFrom('optional' as const, 'required' as const),
});
const turn = fc.record({
  member: fc.nat(),
  fact: fc.nat(),
  // Mostly members move as the planner wants; now and then one falls back, or the wave's own time passes.
  what: fc.constantFrom('work', 'work', 'work', 'work', 'fail', 'fail', 'anything', 'wave', 'wave'),
});

/** What could happen to the wave by itself: its timers, and what its planner has to say. */
function waveFacts(wave: WaveState, said: readonly WaveFact[]): readonly WaveFact[] {
  const passed = wave.work.flatMap(({ effect }): readonly WaveFact[] =>
    effect.type === 'armRetry' || (effect.type === 'armDeadline' && effect.params.deadline === 'lastStart')
      ? [waveModel.notes.deadlinePassed(effect)]
      : [],
  );
  return [...said, ...passed].filter((fact) => canTakeWave(wave, fact));
}

it('a planner that is told of changes wants what one wants that looks at everything anew, whatever the walk', () => {
  const walks = fc.record({
    plan: anyWavePlan({ apart: true, retry: true, expected: true }),
    policies: fc.array(policy, { minLength: 7, maxLength: 7 }),
    turns: fc.array(turn, { maxLength: 80, size: 'max' }),
    approvedBy: fc.constantFrom('ada', 'grace', null),
  });
  const met = new Set<string>();
  fc.assert(
    fc.property(walks, ({ plan, policies, turns, approvedBy }) => {
      const fleet = new ObedientFleet(plan.members.map((_, n) => samplePlan(policies[n])));
      const planner = wavePlanner(plan);
      let wave = initialWave();
      const take = (fact: WaveFact): void => {
        met.add(fact.type);
        wave = evolveWave(wave, fact, { stream: 'wave-any', time: instant(0) });
      };
      take({ type: 'WaveDrafted', data: { plan } });
      take({ type: 'WaveStarted', data: {} });
      take({ type: 'WindowOpened', data: {} });
      const tell = (member: MigrationId): void => planner.update(member, fleet.stateOf(member));
      plan.members.forEach(({ migration }) => tell(migration));
      const look = () => {
        const notes = wave.snapshot.context;
        // The last question of one look is the first of the next, so that what is remembered between them is asked for.
        const situation = { plan, approvedBy, notes, members: fleet.members };
        for (const phase of ['cutOver', 'prepare', 'recover'] as const) {
          const anew = planWave({ ...situation, phase });
          expect(planner.decide(phase, approvedBy, notes)).toEqual(anew);
        }
        return planner.decide('cutOver', approvedBy, notes);
      };
      for (const { member, fact, what } of turns) {
        const { facts } = look();
        const id = memberId(member % plan.members.length);
        if (what === 'work' || what === 'fail') {
          fleet.obey({ phase: 'cutOver', plan, approvedBy, notes: wave.snapshot.context }, { alone: false });
          for (const { migration } of plan.members)
            if (migration !== id || what === 'fail') fleet.work(migration, { fails: what === 'fail' });
        }
        if (what === 'anything') {
          const state = fleet.stateOf(id);
          const possible = sampleFacts(state.snapshot.context).filter((each) => canTake(state, each));
          const chosen = possible[fact % Math.max(1, possible.length)];
          if (chosen) fleet.take(id, chosen);
        }
        if (what === 'wave') {
          const possible = waveFacts(wave, facts);
          const chosen = possible[fact % Math.max(1, possible.length)];
          if (chosen) take(chosen);
        }
        plan.members.forEach(({ migration }) => tell(migration));
      }
      look();
    }),
    { numRuns: 150 },
  );
  expect([...met]).toEqual(expect.arrayContaining(['LastStartPassed', 'MemberRolledBack', 'RetryCameDue']));
});
