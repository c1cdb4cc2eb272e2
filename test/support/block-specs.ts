import type { BlockFault, BlockSpec, BlockVm } from '#simulator/block/spec';
import { hours, millis, minutes } from '#core/units';

/** A plain VM of the block world. */
export const sampleVm = (name: string, more: Partial<BlockVm> = {}): BlockVm => ({
  name,
  hypervisor: 'kvm',
  via: 'hypervisor',
  disks: [{ id: 'disk-0', grains: 16, tracking: true }],
  writesPerMinute: 10,
  application: null,
  handOver: 'launch',
  testLaunch: false,
  guest: 'debian',
  ...more,
});

/** A fault that begins so long after the start. */
export const sampleFault = (kind: BlockFault['kind'], afterMs: number, more: Partial<BlockFault> = {}): BlockFault => ({
  kind,
  at: { type: 'time', ms: millis(afterMs) },
  vm: null,
  lasts: millis(0),
  ...more,
});

/** A world of one VM in which nothing goes wrong. */
export const sampleSpec = (more: Partial<BlockSpec> = {}): BlockSpec => ({
  seed: 1,
  vms: [sampleVm('vm-1')],
  wave: {
    windowStart: minutes(30),
    windowEnd: hours(4),
    cutoversMax: 2,
    syncsMax: 4,
    downtimeBudget: minutes(2),
    finalize: true,
  },
  faults: [],
  healAt: hours(3),
  liveWithin: hours(6),
  ...more,
});
