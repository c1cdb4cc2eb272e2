/**
 * The downtime of the laboratory migration, from guest stopped to replica verified, divided into data and overhead.
 *
 * `npx tsx bench/downtime.ts [runs] [scenario]`. The peer is `qemu-img compare` on the same two disks: most of the
 * overhead is our own comparison of them, so the ratio says what it costs beside one that is known.
 */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteEventLog } from '#core/event-log/sqlite';
import { commandId, factId } from '#core/ids';
import { wallClock } from '#replicator/wall-clock';
import { loadScenario } from '#scenarios/load';
import { migrate } from '#scenarios/migrate';
import type { MigrationSummary } from '#scenarios/migrate-summary';
import { describeOpenError } from '#scenarios/open-migration';
import { appendHistory, median } from './measure.ts';

const runs = Number(process.argv[2] ?? 5);
const file = process.argv[3] ?? 'scenarios/laboratory.yaml';

interface Measured {
  readonly totalMs: number;
  readonly quiescingMs: number;
  readonly dataMs: number;
  readonly overheadMs: number;
  readonly fencingMs: number;
  readonly validatingMs: number;
  readonly finalBytes: number;
  readonly compareMs: number;
}

const measured: Measured[] = [];
for (let run = 1; run <= runs; run += 1) {
  const one = await migrateOnce();
  measured.push(one);
  console.log(
    `run ${run}: downtime ${one.totalMs} ms = data ${one.dataMs} ms (${one.finalBytes} bytes) + overhead ${one.overheadMs} ms (fence ${one.fencingMs}, compare ${one.validatingMs}); guest asked to stop ${one.quiescingMs} ms before; qemu-img compare ${one.compareMs} ms`,
  );
}
const result = Object.fromEntries(
  (Object.keys(measured[0] ?? {}) as (keyof Measured)[]).map((key) => [key, median(measured.map((one) => one[key]))]),
);
const ratio = (result['validatingMs'] ?? 0) / Math.max(1, result['compareMs'] ?? 0);
console.log(
  `median of ${runs}: downtime ${result['totalMs']} ms, data ${result['dataMs']} ms, overhead ${result['overheadMs']} ms; our comparison takes ${ratio.toFixed(2)} x qemu-img compare`,
);
appendHistory('downtime', { runs, ...result, compareRatio: Number(ratio.toFixed(2)) });

async function migrateOnce(): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'sealift-'));
  try {
    const loaded = loadScenario(readFileSync(file, 'utf8'), file);
    if (!loaded.ok || loaded.value.kind !== 'migration') throw new Error(`${file} is no migration`);
    const log = await openSqliteEventLog({ path: join(folder, 'run.db'), mode: 'create' });
    if (!log.ok) throw new Error(JSON.stringify(log.error));
    const migrated = await migrate({
      scenario: loaded.value,
      log: log.value,
      clock: wallClock,
      dataDirectory: folder,
      newFactId: () => factId(randomUUID()),
      newCommandId: () => commandId(randomUUID()),
    });
    await log.value.close();
    if (!migrated.ok) throw new Error(describeOpenError(migrated.error));
    return { ...figuresOf(migrated.value), compareMs: compareMs(folder, loaded.value.id, migrated.value) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function figuresOf({ ending, downtime, rounds }: MigrationSummary): Omit<Measured, 'compareMs'> {
  if (ending !== 'cutOver' || downtime === null) throw new Error(`the migration ended ${ending}`);
  const step = (name: string): number => downtime.steps.find((one) => one.name === name)?.duration ?? 0;
  return {
    totalMs: downtime.total,
    quiescingMs: downtime.quiescing,
    dataMs: downtime.data,
    overheadMs: downtime.overhead,
    fencingMs: step('fencing'),
    validatingMs: step('validating'),
    finalBytes: rounds.at(-1)?.sent ?? 0,
  };
}

function compareMs(folder: string, id: string, { replicas }: MigrationSummary): number {
  const begun = performance.now();
  for (const { disk, target } of replicas)
    execFileSync('qemu-img', [
      'compare',
      '-f',
      'raw',
      '-F',
      'raw',
      join(folder, id, 'laboratory', `${disk}.raw`),
      target,
    ]);
  return Math.round(performance.now() - begun);
}
