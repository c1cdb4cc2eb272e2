import { describe, expect, it } from 'vitest';
import { minutes, seconds } from '#core/units';
import { blockFaultNames, blockFaultOf, type BlockFaultKind } from '#simulator/block/fault-kinds';
import type { BlockFault, BlockSpec, BlockVm } from '#simulator/block/spec';
import { swarmSpec } from '#simulator/search/swarm';
import { runBlock } from './block-world.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const run = (spec: BlockSpec) => runBlock(spec, { turn });

const vm = (name: string, more: Partial<BlockVm> = {}): BlockVm => ({
  ...{ name, hypervisor: 'kvm', via: 'hypervisor', writesPerMinute: 20, application: null },
  disks: [
    { id: 'vda', grains: 8, tracking: true },
    { id: 'vdb', grains: 4, tracking: true },
  ],
  ...{ handOver: 'replica', testLaunch: false, guest: 'debian' },
  ...more,
});

const world = (vms: readonly BlockVm[], faults: readonly BlockFault[] = [], seed = 1): BlockSpec => ({
  ...{ seed, vms, faults },
  wave: {
    ...{ windowStart: minutes(20), windowEnd: minutes(60) },
    ...{ cutoversMax: 2, syncsMax: 3, downtimeBudget: seconds(60), finalize: true },
  },
  ...{ healAt: minutes(40), liveWithin: minutes(240) },
});

const launched = { handOver: 'launch', via: 'sentinel', testLaunch: true } as const;
const vendors: readonly BlockVm['hypervisor'][] = ['kvm', 'hyperv', 'ahv'];

describe('a world of real bytes in virtual time', () => {
  it.each(vendors)('moves disks off %s, and all of them end as their sources were', async (hypervisor) => {
    const { ending, facts } = await run(
      world([vm('vm-1', { hypervisor }), vm('vm-2', { hypervisor, via: 'sentinel' })]),
    );
    expect(ending).toBe('held');
    expect(facts.filter(({ type }) => type === 'SourceRetired')).toHaveLength(2);
  });

  it.each(vendors)('launches a guest of %s on the hardware of the target', async (hypervisor) => {
    const { ending, facts } = await run(world([vm('vm-1', { ...launched, hypervisor })]));
    expect(ending).toBe('held');
    const types = facts.map(({ type }) => type);
    for (const type of ['TestJudged', 'ReplicaFixedUp', 'TargetConnected', 'TargetValidated', 'SourceRetired'])
      expect(types).toContain(type);
  });

  it('rolls back a guest that no fix-up makes boot', async () => {
    const { ending, facts } = await run(world([vm('vm-1', { ...launched, testLaunch: false, guest: 'unbootable' })]));
    expect(ending).toBe('held');
    expect(facts.map(({ type }) => type)).toContain('RolledBack');
    expect(facts.map(({ type }) => type)).not.toContain('TargetConnected');
  });

  it('is the same for the same seed, and another for another', async () => {
    const [one, same, other] = [await run(swarmSpec(5)), await run(swarmSpec(5)), await run(swarmSpec(6))];
    expect(same.hash).toBe(one.hash);
    expect(other.hash).not.toBe(one.hash);
  });

  it('asks seldom what stays away, and goes on once it is back', async () => {
    const away: BlockFault = {
      ...{ kind: 'hostDown', vm: 'vm-1', lasts: minutes(15) },
      at: { type: 'fact', vm: 'vm-1', fact: 'TargetLaunched', nth: 1 },
    };
    const { ending, facts } = await run(world([vm('vm-1', { ...launched, testLaunch: false })], [away]));
    expect(ending).toBe('held');
    const asked = facts.filter(({ type }) => type === 'OutcomeUnknown').length;
    expect(asked).toBeGreaterThan(3);
    expect(asked).toBeLessThan(60);
  });

  // Each kind strikes before the window, and once more in the middle of a cutover; VMs take turns at who is hit.
  const struck = (kind: BlockFaultKind, moments: readonly number[]): readonly BlockFault[] =>
    moments.map((at) => ({
      ...{ kind, vm: blockFaultOf(kind).hits === 'vm' ? 'vm-1' : null },
      at: { type: 'time', ms: seconds(at) },
      lasts: blockFaultOf(kind).lasts === 'while' ? minutes(2) : seconds(0),
    }));
  const moments = [
    [90, 1_201],
    [300, 1_203, 1_240],
  ];

  it.each(blockFaultNames)('breaks no law when there is %s', async (kind) => {
    for (const [seed, at] of moments.entries()) {
      const spec = world([vm('vm-1', seed === 1 ? launched : {})], struck(kind, at), seed);
      const { ending, breaches, crash, stuck, exercised } = await run(spec);
      const { promised } = blockFaultOf(kind);
      expect({ kind, seed, breaches, crash, stuck: promised ? stuck : [] }).toEqual({
        ...{ kind, seed, breaches: [], crash: null, stuck: [] },
      });
      if (promised) expect(ending).toBe('held');
      expect(exercised.map(({ fault }) => fault)).toContain(kind);
    }
  });
});
