import { describe, expect, inject, it } from 'vitest';
import { blockFaultNames, blockFaultOf } from '#simulator/block/fault-kinds';
import { swarmShape, swarmSpec } from './swarm.ts';

const first = inject('seed');
const seeds = Array.from({ length: 300 }, (_, i) => first + i);

describe(`worlds of seeds (SEED=${first})`, () => {
  it('are the same for the same seed, and differ from each other', () => {
    const told = seeds.map((seed) => JSON.stringify(swarmSpec(seed)));
    expect(told).toEqual(seeds.map((seed) => JSON.stringify(swarmSpec(seed))));
    expect(new Set(told).size).toBe(seeds.length);
  });

  it('have as many VMs as were asked for, and every kind of fault in some and not in others', () => {
    const worlds = seeds.map((seed) => swarmSpec(seed, { ...swarmShape, vms: 4, budget: false }));
    expect(worlds.every(({ vms }) => vms.length === 4)).toBe(true);
    for (const kind of blockFaultNames) {
      const having = worlds.filter(({ faults }) => faults.some((fault) => fault.kind === kind)).length;
      expect(having, kind).toBeGreaterThan(seeds.length / 4);
      expect(having, kind).toBeLessThan((3 * seeds.length) / 4);
    }
  });

  it('keep to the fault budget, and to the kinds that a scenario names', () => {
    const struck = seeds.flatMap((seed) => swarmSpec(seed).faults).map(({ kind }) => kind);
    expect(struck.filter((kind) => !blockFaultOf(kind).promised)).toEqual([]);
    const named = seeds.flatMap((seed) => swarmSpec(seed, { ...swarmShape, kinds: ['linkCut'] }).faults);
    expect(new Set(named.map(({ kind }) => kind))).toEqual(new Set(['linkCut']));
  });

  it('strike VMs that are there and can be struck, before the world heals', () => {
    for (const seed of seeds) {
      const { vms, faults, healAt, wave } = swarmSpec(seed, { ...swarmShape, budget: false });
      expect(wave.windowStart).toBeLessThan(wave.windowEnd);
      for (const { kind, vm, at, lasts } of faults) {
        expect(vm === null).toBe(blockFaultOf(kind).hits === 'world');
        expect(lasts > 0).toBe(blockFaultOf(kind).lasts === 'while');
        const hit = vms.find(({ name }) => name === vm);
        if (vm !== null) expect(hit).toBeDefined();
        if (kind === 'sentinelKilled') expect(hit?.via).toBe('sentinel');
        if (at.type === 'time') expect(at.ms).toBeLessThanOrEqual(healAt);
        else expect(vms.map(({ name }) => name)).toContain(at.vm);
      }
    }
  });

  it('lose nothing of the others when one kind is not drawn', () => {
    for (const seed of seeds.slice(0, 20)) {
      const { faults } = swarmSpec(seed);
      const without = swarmSpec(seed, { ...swarmShape, kinds: blockFaultNames.filter((kind) => kind !== 'linkCut') });
      expect(without.faults).toEqual(faults.filter(({ kind }) => kind !== 'linkCut'));
    }
  });
});
