/**
 * One `migrate` as a process of its own, for tests that kill it.
 *
 * `node --import tsx test/support/migrate-process.ts '<JSON>'`. Says the type of each fact on a line of standard output
 * once it is durable, and at the end `{"ending": ...}` or `{"error": ...}`.
 */
import { openSqliteEventLog } from '#core/event-log/sqlite';
import type { MigrationFactType } from '#core/migration/facts';
import { migrate } from '#scenarios/migrate';
import { optionsFor, scenarioFrom } from './migrate-site.ts';
import { valueOf } from './value-of.ts';

/** What the process is to do. */
export interface MigrateProcess {
  readonly scenario: string;
  readonly folder: string;
  readonly logPath: string;
  /** It kills itself as soon as this fact is durable, the n-th of its name in this life. */
  readonly death: { readonly fact: MigrationFactType; readonly nth: number };
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main({ scenario, folder, logPath, death }: MigrateProcess): Promise<void> {
  const log = valueOf(await openSqliteEventLog({ path: logPath, mode: 'create' }));
  let seen = 0;
  const migrated = await migrate({
    ...optionsFor(scenarioFrom(scenario), folder),
    log,
    onFacts: (batch) => {
      for (const { type } of batch) {
        say(type);
        if (type === death.fact) seen += 1;
        if (seen === death.nth) process.kill(process.pid, 'SIGKILL');
      }
    },
  });
  await log.close();
  say(JSON.stringify(migrated.ok ? { ending: migrated.value.ending } : { error: migrated.error }));
}

await main(JSON.parse(process.argv[2] ?? '{}') as MigrateProcess);
