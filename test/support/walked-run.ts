import fc from 'fast-check';
import { position } from '#core/event-log/event-log';
import type { FoldedFact } from '#core/fleet/fleet-view';
import { canTake, evolve, initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { instant } from '#core/units';
import { sampleFacts, samplePlan } from './migration-facts.ts';

/** Facts of one migration as a log holds them, each so many milliseconds after the one before it. */
export function factsOf(migration: string, steps: readonly (readonly [afterMs: number, fact: MigrationFact])[]) {
  let at = 1_000_000;
  return steps.map(([afterMs, { type, data }], i): FoldedFact => {
    at += afterMs;
    return { stream: `migration-${migration}`, position: position(i + 1), type, data, metadata: { time: instant(at) } };
  });
}

/**
 * Runs of up to four VMs that go any way the chart allows, with any pauses: not what a world would do, and all that a
 * log may hold.
 */
export const walkedRun: fc.Arbitrary<readonly FoldedFact[]> = fc
  .array(fc.record({ vm: fc.nat(3), choice: fc.nat(1_000), pause: fc.nat(100_000) }), { maxLength: 120 })
  .map((turns) => {
    const states = new Map<number, MigrationState>();
    let at = 5_000_000;
    return turns.flatMap(({ vm, choice, pause }, i): readonly FoldedFact[] => {
      const stream = `migration-vm${vm}` as const;
      const state = states.get(vm) ?? initialMigration();
      const possible = sampleFacts(state.snapshot.context).filter((fact) => canTake(state, fact));
      const chosen = possible[choice % Math.max(1, possible.length)];
      if (!chosen) return [];
      const fact: MigrationFact =
        chosen.type === 'MigrationDrafted'
          ? { ...chosen, data: { plan: samplePlan({ vm: { name: `vm${vm}`, platform: 'kvm', guest: 'linux' } }) } }
          : chosen;
      at += pause;
      states.set(vm, evolve(state, fact, { stream, time: instant(at) }));
      return [{ stream, position: position(i + 1), type: fact.type, data: fact.data, metadata: { time: instant(at) } }];
    });
  });
