import type { DiskId } from '#core/ids';
import type { Bytes, Millis } from '#core/units';

/** Where VMs come from. */
export const sourcePlatforms = ['kvm', 'hyperv', 'ahv'] as const;
/** The hypervisor family a source VM runs on. */
export type SourcePlatform = (typeof sourcePlatforms)[number];

/** One disk as planned: its name at the source and its size. */
export interface PlannedDisk {
  readonly id: DiskId;
  readonly size: Bytes;
}

/**
 * What one migration is to do, fixed when it is drafted. It is in the log, so it names endpoints and never holds a
 * secret.
 */
export interface MigrationPlan {
  readonly vm: { readonly name: string; readonly platform: SourcePlatform; readonly guest: 'linux' | 'windows' };
  readonly disks: readonly PlannedDisk[];
  /** Where the source and the replica are, for a person and for the world: no credentials. */
  readonly source: string;
  readonly target: string;
  /** The longest the final sync may take. Rounds go on until the forecast fits. */
  readonly downtimeMax: Millis;
  /** After so many delta rounds that do not fit the budget, the migration is flagged as not converging. It goes on. */
  readonly roundsMax: number;
  /** How long a parked migration waits before it fetches what was written meanwhile: bounds its lag. */
  readonly refreshEvery: Millis;
  /** `given`: the plan itself is the approval, by its requester. `required`: someone approves, `requester` may not. */
  readonly approval: 'given' | 'required' | 'requiredByAnother';
  readonly testLaunch: 'required' | 'optional';
  /** `launch`: the target VM is fixed up, started and connected. `replica`: the verified disks are the result. */
  readonly handOver: 'launch' | 'replica';
  readonly quiesce: {
    readonly timeout: Millis;
    /** What follows a guest that refuses or ignores the request. */
    readonly onRefusal: 'force' | 'rollBack';
  };
  /** What follows a target that runs and does not pass validation. */
  readonly onValidationFailure: 'rollBack' | 'ask';
  readonly requester: string;
}

/** What is wrong with a plan, a sentence each; nothing if it can be carried out. */
export function planProblems(plan: MigrationPlan): readonly string[] {
  const problems: string[] = [];
  if (plan.vm.name === '') problems.push('vm.name must not be empty');
  if (plan.disks.length === 0) problems.push('disks must name at least one disk');
  if (new Set(plan.disks.map(({ id }) => id)).size < plan.disks.length) problems.push('disks must have different ids');
  for (const { id, size } of plan.disks) {
    if (size === 0 || size % 512 !== 0)
      problems.push(`disk ${id}: size must be a positive multiple of 512 bytes, got ${size}`);
  }
  if (plan.downtimeMax === 0) problems.push('downtimeMax must be more than 0 ms');
  if (plan.roundsMax === 0) problems.push('roundsMax must be at least 1');
  if (plan.refreshEvery === 0) problems.push('refreshEvery must be more than 0 ms');
  if (plan.quiesce.timeout === 0) problems.push('quiesce.timeout must be more than 0 ms');
  if (plan.requester === '') problems.push('requester must not be empty');
  return problems;
}
