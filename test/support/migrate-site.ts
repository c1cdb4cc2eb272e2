import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { randomUUID } from 'node:crypto';
import { verifyChain } from '#core/event-log/chain';
import type { EventLog } from '#core/event-log/event-log';
import { openSqliteEventLog } from '#core/event-log/sqlite';
import { commandId, factId } from '#core/ids';
import { evolve, initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact, MigrationFactOf, MigrationFactType } from '#core/migration/facts';
import type { Instant } from '#core/units';
import { wallClock } from '#replicator/wall-clock';
import { loadScenario } from '#scenarios/load';
import { migrate, type MigrateOptions } from '#scenarios/migrate';
import type { MigrationScenario } from '#scenarios/migration-scenario';
import type { MigrationSummary } from '#scenarios/migrate-summary';
import { needs } from './programs.ts';
import { valueOf } from './value-of.ts';

/** What a migration of the laboratory guest needs of the machine. */
export const laboratoryPrograms = needs('qemu-system-x86_64', 'qemu-img', 'busybox', 'mke2fs', 'linux-kernel');

/** A folder with everything of one migration: its log, its replicas, the laboratory if the scenario starts it. */
export interface MigrateSite {
  readonly folder: string;
  readonly logPath: string;
  /** Carries a scenario out in this process, under a log that is opened for it and closed after. */
  run(scenario: MigrationScenario, options?: Partial<MigrateOptions>): Promise<MigrationSummary>;
  facts(): Promise<readonly TimedFact[]>;
  factsOf<T extends MigrationFactType>(type: T): Promise<readonly MigrationFactOf<T>[]>;
  /** The log folded again, migration by migration, after its chain was verified. Throws if either fails. */
  replayed(): Promise<readonly MigrationState[]>;
  dispose(): Promise<void>;
}

/** A fact and when it was. */
export type TimedFact = MigrationFact & { readonly at: Instant };

/** A new folder under the system's temporary one: its path is short enough for sockets. */
export async function migrateSite(): Promise<MigrateSite> {
  const folder = await mkdtemp(join(tmpdir(), 'sealift-'));
  const logPath = join(folder, 'run.db');
  const reading = async <T>(read: (log: EventLog) => Promise<T>): Promise<T> => {
    const log = valueOf(await openSqliteEventLog({ path: logPath, mode: 'readOnly' }));
    try {
      return await read(log);
    } finally {
      await log.close();
    }
  };
  const facts = (): Promise<readonly TimedFact[]> =>
    reading(async (log) => {
      const found: TimedFact[] = [];
      for await (const { type, data, metadata } of log.readAll())
        found.push({ ...({ type, data } as MigrationFact), at: metadata.time });
      return found;
    });
  return {
    folder,
    logPath,
    run: async (scenario, options = {}) => {
      const log = valueOf(await openSqliteEventLog({ path: logPath, mode: 'create' }));
      try {
        return valueOf(await migrate({ ...optionsFor(scenario, folder), log, ...options }));
      } finally {
        await log.close();
      }
    },
    facts,
    factsOf: async (type) =>
      (await facts()).filter((fact): fact is TimedFact & MigrationFactOf<typeof type> => fact.type === type),
    replayed: () =>
      reading(async (log) => {
        const verified = await verifyChain(log.readAll({ asStored: true }));
        if (!verified.ok) throw new Error(JSON.stringify(verified.error));
        const states = new Map<string, MigrationState>();
        for await (const { type, data, metadata, stream } of log.readAll()) {
          const place = { stream, time: metadata.time };
          const before = states.get(stream) ?? initialMigration();
          states.set(stream, evolve(before, { type, data } as MigrationFact, place));
        }
        return [...states.values()];
      }),
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}

/** What carrying a scenario out takes beside a log. */
export const optionsFor = (scenario: MigrationScenario, dataDirectory: string): Omit<MigrateOptions, 'log'> => ({
  scenario,
  clock: wallClock,
  dataDirectory,
  newFactId: () => factId(randomUUID()),
  newCommandId: () => commandId(randomUUID()),
});

/** A scenario from its text. */
export function scenarioFrom(text: string): MigrationScenario {
  const scenario = valueOf(loadScenario(text, 'test'));
  if (scenario.kind !== 'migration') throw new Error(`expected a migration, got ${scenario.kind}`);
  return scenario;
}

/** Whether two raw disks are the same, by QEMU's own judgement. */
export async function sameDisks(
  source: string,
  target: string,
  formats: readonly [string, string] = ['raw', 'raw'],
): Promise<boolean> {
  const [sourceFormat, targetFormat] = formats;
  const args = ['compare', '-f', sourceFormat, '-F', targetFormat, source, target];
  return promisify(execFile)('qemu-img', args).then(
    () => true,
    (error: { readonly code?: number }) => {
      if (error.code === 1) return false; // They differ; any other status means that they could not be compared.
      throw error;
    },
  );
}
