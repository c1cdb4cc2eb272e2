import type { BlockOutcome, BlockFault, BlockSpec, BlockVm, BlockWave } from '#simulator/block/spec';
import { elapsed, hours, millis, type Millis } from '#core/units';

/*
 * Ways in which a world can be smaller or plainer, as edits that know nothing of each other: whoever shrinks tries many at
 * once and then the fewest that cannot be made. An edit of what is not there any more changes nothing.
 */

/** One way to make a world smaller or plainer. */
export type Edit = (spec: BlockSpec) => BlockSpec;

/** What may be tried with a world that fails, in this order; each time anew, since what is possible depends on what is left. */
export const waysSmaller: readonly ((spec: BlockSpec, failed: BlockOutcome) => readonly Edit[])[] = [
  (_, failed) => [noFaultLater(failed)],
  ({ vms }) => vms.map(({ name }) => without(name)),
  ({ faults }) => faults.map(withoutFault),
  ({ vms }) => vms.flatMap(({ name, disks }) => disks.map(({ id }) => withoutDisk(name, id))),
  shorter,
  ({ faults }) => faults.map(withoutFault),
  ({ vms }) => vms.flatMap(({ name }) => plainVm.map((plain) => editVm(name, plain))),
  ({ faults }) => faults.flatMap(plainFault),
  ({ vms, faults, wave }) => [...rounded(60_000, faults, wave), ...vms.flatMap(({ name }) => sizes(name, () => 1))],
  ({ vms, faults, wave }) => [...rounded(1_000, faults, wave), ...vms.flatMap(({ name }) => sizes(name, half))],
];

/** A world needs somebody to move, with something to move. */
export const isWorld = ({ vms }: BlockSpec): boolean => vms.length > 0 && vms.every(({ disks }) => disks.length > 0);

const half = (n: number): number => Math.max(1, Math.floor(n / 2));

function keeping(spec: BlockSpec, isKept: (vm: BlockVm) => boolean): BlockSpec {
  const vms = spec.vms.filter(isKept);
  const names = new Set(vms.map(({ name }) => name));
  const faults = spec.faults.filter(
    ({ vm, at }) => (vm === null || names.has(vm)) && (at.type === 'time' || names.has(at.vm)),
  );
  return { ...spec, vms, faults };
}

const without =
  (name: string): Edit =>
  (spec) =>
    keeping(spec, (vm) => vm.name !== name);

// Of those who may have a part in it, so many parts are tried by themselves.
const partsOfOthers = 4;

/**
 * Those whose migrations are in a breach or did not come to an end: often nobody else has a part in it. Then they with each
 * fourth of the others: a world of few costs so much less than one of many that this comes first. At most one is to be made.
 */
export function neighbourhoods({ vms }: BlockSpec, { breaches, stuck }: BlockOutcome): readonly Edit[] {
  // In a run that ended with a breach nobody has come to an end, and that says nothing of them.
  const names =
    breaches.length > 0
      ? breaches.map(({ stream }) => stream.slice(stream.indexOf('-') + 1))
      : stuck.map(({ vm }) => vm);
  const concerned = new Set(names);
  const others = vms.filter(({ name }) => !concerned.has(name));
  const size = Math.max(1, Math.ceil(others.length / partsOfOthers));
  const parts = Array.from({ length: Math.ceil(others.length / size) }, (_, i) =>
    others.slice(i * size, (i + 1) * size),
  );
  return [[], ...parts].map(
    (part) => (spec) => keeping(spec, (vm) => concerned.has(vm.name) || part.some(({ name }) => name === vm.name)),
  );
}

/** What strikes after a law was broken has no part in it. */
function noFaultLater({ breaches, facts }: BlockOutcome): Edit {
  const [first] = facts;
  const [breach] = breaches;
  if (!first || !breach) return (spec) => spec;
  const brokenAfter = elapsed(first.metadata.time, breach.at);
  return (spec) => ({
    ...spec,
    faults: spec.faults.filter(({ at }) => at.type === 'fact' || at.ms <= brokenAfter),
  });
}

const withoutFault =
  (fault: BlockFault): Edit =>
  (spec) => ({ ...spec, faults: spec.faults.filter((each) => each !== fault) });

const editVm =
  (name: string, edit: (vm: BlockVm) => BlockVm): Edit =>
  (spec) => ({ ...spec, vms: spec.vms.map((vm) => (vm.name === name ? edit(vm) : vm)) });

const withoutDisk = (name: string, disk: string): Edit =>
  editVm(name, (vm) => ({ ...vm, disks: vm.disks.filter(({ id }) => id !== disk) }));

const editWave =
  (edit: Partial<BlockWave>): Edit =>
  (spec) => ({ ...spec, wave: { ...spec.wave, ...edit } });

// The first grain of a boot disk is what is installed there; a guest writes behind it.
const grainsMin = 2;
// People look again every minute or so, and give up what does not get better: nobody promises an end before that.
const liveWithinMin = hours(3);

/** Less time until the window, in it, and until the world heals. */
function shorter({ wave, healAt, liveWithin }: BlockSpec): readonly Edit[] {
  const length = wave.windowEnd - wave.windowStart;
  return [
    (spec) => ({ ...spec, healAt: wholeMinutes(healAt / 2) }),
    // A world that is given no time to come to an end fails for that alone.
    (spec) => ({ ...spec, liveWithin: millis(Math.max(wholeMinutes(liveWithin / 2), liveWithinMin)) }),
    ({ wave: { windowStart }, ...spec }) => ({
      ...spec,
      wave: { ...wave, windowStart, windowEnd: millis(windowStart + wholeMinutes(length / 2)) },
    }),
    ({ wave: now, ...spec }) => {
      const windowStart = wholeMinutes(now.windowStart / 2);
      return {
        ...spec,
        wave: { ...now, windowStart, windowEnd: millis(now.windowEnd - now.windowStart + windowStart) },
      };
    },
    editWave({ finalize: false }),
  ];
}

const wholeMinutes = (ms: number): Millis => millis(Math.max(1, Math.floor(ms / 60_000)) * 60_000);

/** What a VM is when nothing is special about it, one trait at a time. */
const plainVm: readonly ((vm: BlockVm) => BlockVm)[] = [
  (vm) => ({ ...vm, application: null }),
  (vm) => ({ ...vm, testLaunch: false }),
  (vm) => ({ ...vm, writesPerMinute: 0 }),
  (vm) => ({ ...vm, handOver: 'launch' }),
  (vm) => ({ ...vm, hypervisor: 'kvm' }),
  (vm) => ({ ...vm, via: 'hypervisor' }),
  (vm) => ({ ...vm, guest: 'debian' }),
  (vm) => ({ ...vm, disks: vm.disks.map((disk) => ({ ...disk, tracking: true })) }),
];

const editFault =
  (fault: BlockFault, edit: Partial<BlockFault>): Edit =>
  (spec) => ({ ...spec, faults: spec.faults.map((each) => (each === fault ? { ...each, ...edit } : each)) });

/** With the first fact of its kind instead of a later one. */
const plainFault = (fault: BlockFault): readonly Edit[] =>
  fault.at.type === 'fact' && fault.at.nth > 1 ? [editFault(fault, { at: { ...fault.at, nth: 1 } })] : [];

/** Times as a person would have written them. */
function rounded(unit: number, faults: readonly BlockFault[], wave: BlockWave): readonly Edit[] {
  const whole = (ms: number): Millis => millis(Math.round(ms / unit) * unit);
  return [
    ...faults.map((fault) => {
      const at = fault.at.type === 'time' ? { ...fault.at, ms: whole(fault.at.ms) } : fault.at;
      // What lasts for a while may not become a moment.
      return editFault(fault, {
        at,
        lasts: fault.lasts === 0 ? fault.lasts : millis(Math.max(unit, whole(fault.lasts))),
      });
    }),
    editWave({ windowStart: whole(wave.windowStart), windowEnd: whole(wave.windowEnd) }),
    (spec) => ({ ...spec, healAt: whole(spec.healAt), liveWithin: whole(spec.liveWithin) }),
  ];
}

const sizes = (name: string, smaller: (n: number) => number): readonly Edit[] => [
  editVm(name, (vm) => ({
    ...vm,
    disks: vm.disks.map((disk) => ({ ...disk, grains: Math.max(grainsMin, smaller(disk.grains)) })),
  })),
  editVm(name, (vm) => ({ ...vm, writesPerMinute: Math.min(vm.writesPerMinute, smaller(vm.writesPerMinute)) })),
];
