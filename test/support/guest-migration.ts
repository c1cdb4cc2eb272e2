import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { openSqliteEventLog } from '#core/event-log/sqlite';
import { commandId, diskId, factId } from '#core/ids';
import type { MigrationFact } from '#core/migration/facts';
import { agentBuild, agentEntry } from '#replicator/sentinel/bundle/agent-build';
import { targetOf } from '#replicator/live/target-place';
import { wallClock } from '#replicator/wall-clock';
import { loadScenario } from '#scenarios/load';
import { migrate, type MigrateOptions } from '#scenarios/migrate';
import type { MigrationSummary } from '#scenarios/migrate-summary';
import { migrationIdOf, type MigrationScenario } from '#scenarios/migration-scenario';
import type { OpenGuest } from '#scenarios/open-guest-laboratory';
import { placeOf, runFolder } from '#scenarios/open-migration';
import { valueOf } from '#test/support/value-of';

/** The migration of the laboratory's Debian guest: run after run with one log, while the guest lives on. */
export interface GuestMigration {
  readonly scenario: MigrationScenario;
  /** Where the replicas are, the boot disk's first. */
  readonly replicas: readonly string[];
  run(more?: Partial<MigrateOptions>): Promise<GuestRun>;
  /** The laboratory of the last run. Throws before the first. */
  laboratory(): OpenGuest['laboratory'];
  /** Ends the VMs and removes everything. */
  remove(): Promise<void>;
}

/** One run: what it came to, and the facts that it added. */
export interface GuestRun {
  readonly summary: MigrationSummary;
  readonly facts: readonly MigrationFact[];
}

/** Reads `scenarios/laboratory-guest.yaml` and builds the agent. Nothing is started yet. */
export async function guestMigration(): Promise<GuestMigration> {
  const data = await mkdtemp(join(tmpdir(), 'sealift-'));
  const agent = join(data, 'sentinel.mjs');
  await build({ ...agentBuild, entryPoints: [agentEntry], outfile: agent, define: { sealiftVersion: '"0.0.0"' } });
  const log = valueOf(await openSqliteEventLog({ path: join(data, 'run.db'), mode: 'create' }));
  const path = 'scenarios/laboratory-guest.yaml';
  const scenario = valueOf(loadScenario(await readFile(path, 'utf8'), path));
  if (scenario.kind !== 'migration') throw new Error(`of kind ${scenario.kind}`);
  const place = placeOf(scenario, migrationIdOf(scenario), runFolder(data, migrationIdOf(scenario)));
  let guest: OpenGuest | undefined;
  return {
    scenario,
    replicas: ['vda', 'vdb'].map((disk) => targetOf(place, diskId(disk))),
    run: async (more = {}) => {
      const facts: MigrationFact[] = [];
      const summary = await migrate({
        ...{ scenario, log, clock: wallClock, dataDirectory: data, agent, keepsGuest: true },
        newFactId: () => factId(randomUUID()),
        newCommandId: () => commandId(randomUUID()),
        onGuest: (opened) => (guest = opened),
        onFacts: (batch) =>
          facts.push(...batch.map(({ type, data: content }) => ({ type, data: content }) as MigrationFact)),
        ...more,
      });
      return { summary: valueOf(summary), facts };
    },
    laboratory: () => {
      if (!guest) throw new Error('no run has opened the laboratory');
      return guest.laboratory;
    },
    remove: async () => {
      await guest?.laboratory.target.remove(scenario.vm.name);
      await guest?.laboratory.target.remove(`${scenario.vm.name}-test`);
      await guest?.laboratory.source.remove();
      await log.close();
      await rm(data, { recursive: true, force: true });
    },
  };
}
