import { join, resolve } from 'node:path';
import type { Clock } from '#core/clock';
import { canonicalJson } from '#core/event-log/canonical-json';
import type { MigrationId } from '#core/ids';
import { planProblems, type MigrationPlan } from '#core/migration/plan';
import { describeHypervisorError, disksNamed, type HypervisorError } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import { MiB, seconds } from '#core/units';
import { gatewayPath } from '#replicator/gateway/gateway-path';
import { openSource, type OpenSource, type SourceSite, type SourceSiteError } from '#replicator/live/open-source';
import { targetOf, type ReplicaPlace } from '#replicator/live/target-place';
import { directPath } from '#replicator/pipeline/direct-path';
import type { ReplicationPath } from '#replicator/pipeline/replication';
import { formatAddress } from '#replicator/protocol/address';
import { migrationPlanOf, type DisksNotFound, type MigrationScenario } from './migration-scenario.ts';

/** Why a migration did not begin, or was not taken up. Nothing was changed at the source. */
export type OpenError =
  | SourceSiteError
  | { readonly type: 'SourceFailed'; readonly error: HypervisorError }
  | DisksNotFound
  /** The source has disks that cannot be planned for, or the like. */
  | { readonly type: 'PlanInvalid'; readonly problems: readonly string[] }
  /** The file says something else than what was drafted. */
  | { readonly type: 'PlanChanged'; readonly differences: readonly string[] };

/** Where the files of one run are, below the data folder: one folder per migration. */
export const runFolder = (dataDirectory: string, migration: MigrationId): string =>
  join(resolve(dataDirectory), migration);

/** Where replicas go. */
export function placeOf(scenario: MigrationScenario, migration: MigrationId, folder: string): ReplicaPlace {
  if (scenario.path.type === 'gateway') return { type: 'receiver', migration };
  return { type: 'directory', path: resolve(scenario.target.directory ?? join(folder, 'replica')) };
}

/** The place as text, for the plan. */
export function describePlace(scenario: MigrationScenario, place: ReplicaPlace): string {
  if (place.type === 'directory') return place.path;
  const { path } = scenario;
  return path.type === 'gateway' ? `gateway ${formatAddress(path.address)}` : 'receiver';
}

/** Every disk's replica, as the place names it. */
export const replicasOf = (plan: MigrationPlan, place: ReplicaPlace) =>
  plan.disks.map(({ id }) => ({ disk: id, target: targetOf(place, id) }));

/** Opens the source a scenario names: the monitor that is there, or the laboratory. */
export function openScenarioSource(
  scenario: MigrationScenario,
  migration: MigrationId,
  { folder, isResumed, signal }: { readonly folder: string; readonly isResumed: boolean; readonly signal: AbortSignal },
): Promise<Result<OpenSource, SourceSiteError>> {
  return openSource(siteOf(scenario, folder, isResumed), migration, signal);
}

function siteOf({ source, laboratory }: MigrationScenario, folder: string, isResumed: boolean): SourceSite {
  if (source.qmp !== undefined || laboratory === undefined) return { type: 'qmp', address: source.qmp ?? { path: '' } };
  const { directory, memory, disks, writes, seed } = laboratory;
  return {
    type: 'laboratory',
    options: {
      directory: directory ?? join(folder, 'laboratory'),
      memoryMiB: Math.ceil(memory / MiB),
      diskSize: disks.size,
      diskCount: disks.count,
      diskFormat: disks.format,
      writer: { bytesPerSecond: writes },
      seed,
      // The disks of a run that was interrupted are the source of the same migration. Those in a folder that somebody
      // named may be anything, and the guest would write to them.
      existingDisks: isResumed || directory === undefined ? 'boot' : 'refuse',
    },
  };
}

// A gateway that stays away longer than this is a fact; the chart then tries again, and says so each time.
const gatewayPatience = seconds(5);

/** The way blocks travel. */
export function openPath({ path }: MigrationScenario, clock: Clock): ReplicationPath {
  if (path.type === 'direct') return directPath({ clock });
  const { address, certificates } = path;
  return gatewayPath({ address: formatAddress(address), certificates, clock, patience: gatewayPatience });
}

/** The plan to draft: what the scenario wants, on the disks that the source says it has. */
export async function planFor(
  scenario: MigrationScenario,
  source: OpenSource,
  target: string,
): Promise<Result<MigrationPlan, OpenError>> {
  const connection = source.connect();
  try {
    const inventory = await connection.inspect();
    if (!inventory.ok) return err({ type: 'SourceFailed', error: inventory.error });
    const named = disksNamed(inventory.value);
    if (!named.ok) return err({ type: 'SourceFailed', error: named.error });
    const disks = named.value.map(({ id, size }) => ({ id, size }));
    const plan = migrationPlanOf(scenario, { disks, source: source.description, target });
    const problems = plan.ok ? planProblems(plan.value) : [];
    return problems.length > 0 ? err({ type: 'PlanInvalid', problems }) : plan;
  } finally {
    await connection.close();
  }
}

/** Whether a scenario still says what was drafted. Disks are compared by the world, whenever it looks at the source. */
export function samePlan(
  scenario: MigrationScenario,
  drafted: MigrationPlan,
  { source, target }: Pick<MigrationPlan, 'source' | 'target'>,
): Result<void, OpenError> {
  const now = migrationPlanOf({ ...scenario, disks: 'all' }, { disks: drafted.disks, source, target });
  if (!now.ok) return now;
  const keys = Object.keys(drafted) as (keyof MigrationPlan)[];
  const differences = keys.flatMap((key) => {
    // The log keeps values and not the order of their keys.
    const [before, after] = [canonicalJson(drafted[key]), canonicalJson(now.value[key])];
    return before === after ? [] : [`${key} was ${before} and is now ${after}`];
  });
  return differences.length === 0 ? ok(undefined) : err({ type: 'PlanChanged', differences });
}

/** One or two sentences for a person, with the next step. */
export function describeOpenError(error: OpenError): string {
  switch (error.type) {
    case 'LaboratoryFailed':
      return error.detail;
    case 'SourceFailed':
      return `${describeHypervisorError(error.error)}; check source.qmp of the scenario and that the VM runs`;
    case 'DisksNotFound':
      return `the source has no disk ${error.missing.join(', ')}; it has ${error.found.join(', ') || 'none'}: correct disks in the scenario`;
    case 'PlanInvalid':
      return `this source cannot be migrated as the scenario says: ${error.problems.join('; ')}`;
    case 'PlanChanged':
      return `the scenario is not what this migration was drafted with: ${error.differences.join('; ')}; put it back, or give it another id to begin a new migration`;
  }
}
