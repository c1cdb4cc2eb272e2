import type { LawId } from '#core/laws/law';
import type { MigrationFact } from '#core/migration/facts';
import { elapsed, seconds, type Instant } from '#core/units';
import type { WorldVm } from './block-vm.ts';
import { productionNetwork, type TargetSide, type VmTarget } from './target-side.ts';

/*
 * What a fact claims of the world is held against the world when it comes into the log: whoever writes it may be mistaken,
 * and a law that reads the log alone would believe it.
 */

/** A claim that is not so. */
export interface FalseClaim {
  readonly law: LawId;
  readonly why: string;
}

/** Holds the claims of one VM against what is there. */
export interface Claims {
  /** What of a fact that has just come into the log is not so. */
  falseIn(fact: MigrationFact): FalseClaim | undefined;
}

// A fact is a moment older than the log that has it: somebody may have switched the VM meanwhile.
const settled = seconds(30);

/** What claims are about: a VM, and what there is of it at the target. */
export interface Claimed {
  readonly vm: Pick<WorldVm, 'source' | 'spec'>;
  readonly target: Pick<VmTarget, 'images'>;
}

/** Claims of a VM and of its target. */
export function claimsOf(
  { vm, target }: Claimed,
  { vsphere }: Pick<TargetSide, 'vsphere'>,
  now: () => Instant,
): Claims {
  const { machine } = vm.source;
  const { name, handOver } = vm.spec;
  let powerChanged = now();
  machine.onPower(() => (powerChanged = now()));
  const isSettled = (): boolean => elapsed(powerChanged, now()) > settled;
  const talks = (which: string): boolean =>
    vsphere.find(which)?.config.nics.some(({ connected, network }) => connected && network === productionNetwork) ??
    false;
  const left = (ending: string): string | undefined => target.images().find((path) => path.endsWith(ending));
  const check: { readonly [T in MigrationFact['type']]?: () => FalseClaim | undefined | false } = {
    SourceFenced: () =>
      handOver === 'launch' &&
      (machine.nicsConnected
        ? { law: 'L4', why: 'the source is called fenced, and is still on its networks' }
        : machine.power() === 'running' && isSettled() && { law: 'L4', why: 'the source is called fenced, and runs' }),
    TargetLaunched: () => talks(name) && { law: 'L4', why: 'the target talks before it was to be connected' },
    TargetConnected: () => !talks(name) && { law: 'L22', why: 'the target is called connected, and is not' },
    TestLaunched: () => talks(`${name}-test`) && { law: 'L4', why: 'a test talks beside the VM that it is a copy of' },
    TestCleanedUp: () => {
      if (vsphere.find(`${name}-test`)) return { law: 'L15', why: 'a test is called cleaned up, and its VM is there' };
      return left('.test') !== undefined && { law: 'L15', why: 'a test is called cleaned up, and its disks are there' };
    },
    // A VM whose disks alone were handed over may be on, with its guest at rest.
    SourceRetired: () =>
      handOver === 'launch' &&
      machine.power() === 'running' &&
      isSettled() && { law: 'L4', why: 'the way back is given up, and the source runs beside its target' },
  };
  const rolledBack = (source: string): FalseClaim | undefined => {
    if (vsphere.find(name)) return { law: 'L4', why: 'the cutover was taken back, and its target is still there' };
    if (left('.fixup.qcow2') !== undefined)
      return { law: 'L15', why: 'the cutover was taken back, and what it had changed is still beside the replica' };
    if (source === 'off' && machine.power() === 'running' && isSettled())
      return { law: 'L3', why: 'the source is called off, and runs' };
    if (source !== 'running') return undefined;
    if (!machine.nicsConnected) return { law: 'L3', why: 'the source was given back without its networks' };
    return machine.power() !== 'running' && isSettled()
      ? { law: 'L3', why: `the source is called running, and is ${machine.power()}` }
      : undefined;
  };
  return {
    falseIn(fact) {
      if (fact.type === 'RolledBack') return rolledBack(fact.data.source);
      const found = check[fact.type]?.();
      return found === false ? undefined : found;
    },
  };
}
