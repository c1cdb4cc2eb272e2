import { describe, expect, it } from 'vitest';
import { minutes, seconds } from '#core/units';
import type { BlockOutcome, BlockSpec, BlockVm } from '#simulator/block/spec';
import { runBlock, type DeathSentence } from './block-world.ts';

/*
 * A small wave, again and again: each time one process dies at another of the moments at which it may, until there are no
 * more. Exhaustive and not sampled. What is done at the end is the same each time (L19): a manager that dies before an append
 * has done the effect whose fact it is, and one that dies after an append has begun nothing of what it asks for.
 */
const vm: BlockVm = {
  ...{ name: 'vm-1', hypervisor: 'kvm', via: 'hypervisor', writesPerMinute: 6, application: null },
  disks: [{ id: 'vda', grains: 2, tracking: true }],
  ...{ handOver: 'replica', testLaunch: false, guest: 'debian' },
};

const world = (more: Partial<BlockVm>): BlockSpec => ({
  ...{ seed: 3, vms: [{ ...vm, ...more }], faults: [] },
  wave: {
    ...{ windowStart: minutes(4), windowEnd: minutes(40) },
    ...{ cutoversMax: 1, syncsMax: 1, downtimeBudget: seconds(60), finalize: true },
  },
  ...{ healAt: minutes(30), liveWithin: minutes(120) },
});

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Runs the world once for each moment, with a death at it. Answers how many there were. */
async function dyingAtEach(
  spec: BlockSpec,
  sentence: (isIt: () => boolean) => DeathSentence,
  judge: (outcome: BlockOutcome, moment: number) => void,
): Promise<number> {
  for (let moment = 0; ; moment += 1) {
    let passed = 0;
    const outcome = await runBlock(spec, { turn, dies: sentence(() => passed++ === moment) });
    judge(outcome, moment);
    if (passed <= moment) return moment;
  }
}

const moved = (outcome: BlockOutcome, moment: number): void => {
  const { ending, breaches, crash, stuck, facts } = outcome;
  expect({ moment, ending, breaches, crash, stuck }).toEqual({
    ...{ moment, ending: 'held', breaches: [], crash: null, stuck: [] },
  });
  expect(facts.filter(({ type }) => type === 'SourceRetired')).toHaveLength(1);
};

/**
 * What a sentinel has recorded is in its memory, and it is reached through its gateway. Where one of them dies between the last
 * round and the fence, those may lack what they need: the VM is given back as it was found, and the log says why (L19).
 */
const movedOrGivenBack = (outcome: BlockOutcome, moment: number): void => {
  const { facts } = outcome;
  if (facts.some(({ type }) => type === 'SourceRetired')) return moved(outcome, moment);
  const { ending, breaches, crash, stuck } = outcome;
  expect({ moment, ending, breaches, crash, stuck }).toEqual({
    ...{ moment, ending: 'held', breaches: [], crash: null, stuck: [] },
  });
  const told = (wanted: string): unknown => facts.find(({ type }) => type === wanted)?.data;
  expect(told('FinalSyncFailed') ?? told('FencingFailed')).toHaveProperty('reason.detail');
  expect(told('RolledBack')).toEqual({ source: 'running' });
  expect(told('SourceReleased')).toBeDefined();
};

const kinds: readonly (readonly [string, Partial<BlockVm>])[] = [
  ['disks that are handed over', {}],
  ['a guest that is launched', { handOver: 'launch', via: 'sentinel', testLaunch: true }],
];

describe.each(kinds)('a small wave of %s', (_kind, more) => {
  it.each(['before', 'after'] as const)(
    'ends the same when the manager dies %s any append',
    { timeout: 300_000 },
    async (moment) => {
      const died = await dyingAtEach(world(more), (isIt) => ({ manager: (at) => at === moment && isIt() }), moved);
      expect(died).toBeGreaterThan(20);
    },
  );

  it.each(['gateway', 'receiver'] as const)(
    'ends the same when the %s dies whenever anything arrives at it',
    { timeout: 300_000 },
    async (host) => {
      const judge = host === 'gateway' && more.via === 'sentinel' ? movedOrGivenBack : moved;
      const died = await dyingAtEach(world(more), (isIt) => ({ appliance: (at) => at === host && isIt() }), judge);
      expect(died).toBeGreaterThan(20);
    },
  );
});

it(
  'a guest that is launched ends the same, or is given back, when its sentinel dies whenever anything arrives at it',
  { timeout: 300_000 },
  async () => {
    const launched = world({ handOver: 'launch', via: 'sentinel', testLaunch: true });
    let retired = 0;
    const died = await dyingAtEach(
      launched,
      (isIt) => ({ appliance: (at) => at === 'sentinel' && isIt() }),
      (outcome, moment) => {
        movedOrGivenBack(outcome, moment);
        if (outcome.facts.some(({ type }) => type === 'SourceRetired')) retired += 1;
      },
    );
    expect(died).toBeGreaterThan(60);
    // Most deaths are noticed by nobody but the log of the gateway.
    expect(retired).toBeGreaterThan(died / 2);
  },
);
