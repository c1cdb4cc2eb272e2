import { laws } from '#core/laws/laws';
import type { Law } from '#core/laws/law';
import { hours, millis, minutes, seconds } from '#core/units';
import { runBlock } from '#simulator/block/world/block-world';
import type { BlockFault, BlockSpec, RunBlock } from '#simulator/block/spec';
import { runToFirstBreach } from '#simulator/search/first-breach';
import { shrink } from '#simulator/search/shrink';
import { swarmShape, swarmSpec } from '#simulator/search/swarm';
import { appendHistory } from './measure.ts';

/**
 * How long it takes to shrink a whole world: twenty VMs, forty faults, and a bug that takes three of the faults and two of
 * the VMs. The world is real and so is its log; the bug is a law of this bench, which only those three break together.
 * There is no peer. Reach: at most three faults and two VMs in less than a minute.
 *
 *     npx tsx bench/shrink.ts
 */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const planted: Law = {
  id: 'L900',
  slug: 'planted',
  statement: 'No gateway is away from one VM that also loses its tracking once somebody has paused another.',
  incident: 'none: it is here to be broken',
  begin: () => {
    let wasAway = false;
    let wasLost = false;
    let isPaused = false;
    return {
      of:
        (type) =>
        ({ stream }) => {
          if (stream === 'migration-vm-13' && type === 'ReplicationPaused') isPaused = true;
          else if (stream !== 'migration-vm-7') return undefined;
          else if (type === 'ReplicationDisconnected') wasAway = true;
          else if (type === 'TrackingLost') wasLost = true;
          return wasAway && wasLost && isPaused ? 'all three have happened' : undefined;
        },
    };
  },
};

const needed: readonly BlockFault[] = [
  {
    ...{ kind: 'gatewayKilled', vm: null, lasts: seconds(40) },
    at: { type: 'fact', vm: 'vm-7', fact: 'DeadlinePassed', nth: 2 },
  },
  {
    ...{ kind: 'trackingLost', vm: 'vm-7', lasts: millis(0) },
    at: { type: 'fact', vm: 'vm-7', fact: 'RoundCompleted', nth: 3 },
  },
  {
    ...{ kind: 'operatorPaused', vm: 'vm-13', lasts: minutes(3) },
    at: { type: 'fact', vm: 'vm-13', fact: 'RoundCompleted', nth: 1 },
  },
];

function largeWorld(): BlockSpec {
  const { vms, faults, ...world } = swarmSpec(1, { ...swarmShape, vms: 20, cutoversMax: 10, syncsMax: 20 });
  const others = [1, 2, 3, 4].flatMap((seed) =>
    seed === 1 ? faults : swarmSpec(seed, { ...swarmShape, vms: 20 }).faults,
  );
  return {
    ...world,
    wave: { ...world.wave, windowStart: minutes(45), windowEnd: hours(4), syncsMax: 20, cutoversMax: 10 },
    healAt: hours(3),
    vms: vms.map((vm) =>
      ['vm-7', 'vm-13'].includes(vm.name)
        ? { ...vm, guest: 'debian', writesPerMinute: 20, disks: vm.disks.map((disk) => ({ ...disk, tracking: true })) }
        : vm,
    ),
    faults: [
      ...others.filter(({ kind }) => !['operatorCancelled', 'operatorPaused'].includes(kind)).slice(0, 37),
      ...needed,
    ],
  };
}

const toBreach = runToFirstBreach(runBlock, { turn, laws: [...laws, planted], law: planted.id });
const count = { runs: 0, vms: 0 };
const run: RunBlock = (spec) => {
  count.runs += 1;
  count.vms += spec.vms.length;
  return toBreach(spec);
};

const spec = largeWorld();
const began = performance.now();
const cpu = process.cpuUsage();
const outcome = await run(spec);
const isFound = outcome.breaches.some(({ law }) => law === planted.id);
if (!isFound) throw new Error('the bug that was planted is not found');
const small = await shrink(
  { spec, outcome },
  { run, failure: { type: 'broken', law: planted.id, slug: planted.slug }, runsMax: 2_000 },
);
const { user, system } = process.cpuUsage(cpu);
const measured = {
  vms: [spec.vms.length, small.spec.vms.length],
  faults: [spec.faults.length, small.spec.faults.length],
  runs: count.runs,
  vmsRun: count.vms,
  seconds: Number(((performance.now() - began) / 1_000).toFixed(1)),
  processorSeconds: Number(((user + system) / 1e6).toFixed(1)),
};
console.log(measured, small.isSmallest ? 'nothing makes it smaller' : 'not at its smallest', small.spec.faults);
appendHistory('shrink', measured);
