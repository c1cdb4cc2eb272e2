/**
 * How well a rehearsal forecasts a real migration once it is calibrated from others: the laboratory migration is run
 * several times, and each run is forecast by a rehearsal of the same disk and plan that is calibrated from all the others.
 *
 * `npx tsx bench/calibration.ts [runs] [scenario]`. Each ratio is forecast over real: 1 is exact. The peers: the same
 * rehearsal under the constants that are assumed where nothing was measured, and "it takes as long as the others did",
 * which is as good as the machine is steady.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareRuns } from '#core/compare/compare';
import { traceRun, type RunTrace } from '#core/compare/trace';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { openSqliteEventLog } from '#core/event-log/sqlite';
import { commandId, factId } from '#core/ids';
import { wallClock } from '#replicator/wall-clock';
import { calibrationText } from '#scenarios/calibration-file';
import { underCalibration } from '#scenarios/calibration-use';
import { loadScenario } from '#scenarios/load';
import { migrate } from '#scenarios/migrate';
import type { MigrationScenario } from '#scenarios/migration-scenario';
import { describeOpenError } from '#scenarios/open-migration';
import type { RehearsalScenario } from '#scenarios/rehearsal-scenario';
import { rehearse } from '#scenarios/run';
import { calibrate } from '#simulator/calibration/calibrate';
import type { Calibration } from '#simulator/calibration/calibration';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { appendHistory, median } from './measure.ts';

const count = Number(process.argv[2] ?? 4);
const file = process.argv[3] ?? 'scenarios/laboratory.yaml';
const seeds = 25;
const plan = laboratoryIn(file);

interface Ratios {
  readonly total: number;
  readonly downtime: number;
}
const runs: RunTrace[] = [];
for (let n = 1; n <= count; n += 1) runs.push(await migrateOnce(`laboratory-${n}`));
const forecasts: { readonly [name in 'calibrated' | 'assumed' | 'asOthers']: Ratios[] } = {
  ...{ calibrated: [], assumed: [], asOthers: [] },
};
for (const real of runs) {
  const others = runs.filter((run) => run !== real);
  const fitted = calibrate(others);
  if (!fitted.ok) throw new Error(fitted.error.type);
  const calibrated = await rehearsed(rehearsalOf(fitted.value, calibrationText(fitted.value)), real);
  forecasts.calibrated.push(calibrated);
  forecasts.assumed.push(await rehearsed(rehearsalOf(fitted.value, undefined), real));
  forecasts.asOthers.push(medianOf(others.map((other) => ratios(other, real))));
  const [migration] = real.migrations;
  console.log(
    `${real.name}: total ${migration?.total} ms, downtime ${migration?.downtime} ms; forecast from the other ${others.length}: ${inWords(calibrated)}`,
  );
}
const result = Object.fromEntries(Object.entries(forecasts).map(([name, all]) => [name, errorsOf(all)]));
console.log(`calibrated:            ${summaryOf(forecasts.calibrated)}`);
console.log(`not calibrated:        ${summaryOf(forecasts.assumed)}`);
console.log(`as long as the others: ${summaryOf(forecasts.asOthers)}`);
appendHistory('calibration', { runs: count, seeds, ...result });

function inWords({ total, downtime }: Ratios): string {
  return `total ${total.toFixed(2)} x, downtime ${downtime.toFixed(2)} x`;
}

/** The median ratio, and the mean error without its sign. */
function errorsOf(all: readonly Ratios[]): object {
  const error = (of: (one: Ratios) => number): number =>
    Number((all.reduce((sum, one) => sum + Math.abs(of(one) - 1), 0) / all.length).toFixed(2));
  const { total, downtime } = medianOf(all);
  return {
    ...{ total: Number(total.toFixed(2)), downtime: Number(downtime.toFixed(2)) },
    ...{ totalError: error((one) => one.total), downtimeError: error((one) => one.downtime) },
  };
}

function summaryOf(all: readonly Ratios[]): string {
  const { totalError, downtimeError } = errorsOf(all) as { totalError: number; downtimeError: number };
  return `median ${inWords(medianOf(all))} of the real; mean error ${totalError} and ${downtimeError}`;
}

function medianOf(all: readonly Ratios[]): Ratios {
  return { total: median(all.map(({ total }) => total)), downtime: median(all.map(({ downtime }) => downtime)) };
}

function ratios(forecast: RunTrace, real: RunTrace): Ratios {
  const [pair] = compareRuns(forecast, real).pairs;
  if (!pair) throw new Error('there is nothing to compare');
  const { total, downtime } = pair;
  return { total: total.first / total.second, downtime: downtime.first / downtime.second };
}

function laboratoryIn(path: string): MigrationScenario {
  const loaded = loadScenario(readFileSync(path, 'utf8'), path);
  if (!loaded.ok || loaded.value.kind !== 'migration') throw new Error(`${path} is no migration`);
  return loaded.value;
}

async function migrateOnce(name: string): Promise<RunTrace> {
  const folder = mkdtempSync(join(tmpdir(), 'sealift-'));
  try {
    const log = await openSqliteEventLog({ path: join(folder, 'run.db'), mode: 'create' });
    if (!log.ok) throw new Error(JSON.stringify(log.error));
    const migrated = await migrate({
      ...{ scenario: plan, log: log.value, clock: wallClock, dataDirectory: folder },
      newFactId: () => factId(randomUUID()),
      newCommandId: () => commandId(randomUUID()),
    });
    if (!migrated.ok) throw new Error(describeOpenError(migrated.error));
    if (migrated.value.ending !== 'cutOver') throw new Error(`the migration ended ${migrated.value.ending}`);
    const run = await traceRun(name, log.value.readAll());
    await log.value.close();
    return run;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The same disk and plan, rehearsed: over a way that is never the bottleneck, since everything is on one machine. */
function rehearsalOf({ vms }: Calibration, calibration: string | undefined): RehearsalScenario {
  const { disks } = plan.laboratory ?? {};
  const [vm] = Object.values(vms);
  if (!disks || !vm) throw new Error(`${file} has no laboratory, or nothing was learned of its VM`);
  const used = vm.used / (disks.count * disks.size);
  const { rate = 0, workingSet } = vm.writes ?? {};
  const text = `
kind: rehearsal
id: laboratory
title: The laboratory, rehearsed
why: How well a calibrated rehearsal forecasts
estate:
  hosts: [{ name: lab, platform: kvm, read: 100 GB/s }]
  links: [{ name: wan, bandwidth: 800 Gbit/s, latency: 0 ms }]
  gateway: { bandwidth: 800 Gbit/s, flow: 800 Gbit/s }
  receiver: { bandwidth: 800 Gbit/s, flow: 800 Gbit/s }
  vms:
    - name: laboratory
      host: lab
      disks: [${Array.from({ length: disks.count }, () => `{ size: ${disks.size} B, used: ${(100 * used).toFixed(4)} % }`).join(', ')}]
      writes: { rate: ${rate} B/s, workingSet: ${workingSet?.type === 'fitted' ? workingSet.size : disks.count * disks.size} B }
wave: { id: laboratory, window: { opens: 0 s, closes: 24 h } }
plan:
  downtimeMax: ${plan.downtimeMax} ms
  refreshEvery: ${plan.refreshEvery} ms
  approval: given
  handOver: replica
`;
  const loaded = loadScenario(text, 'laboratory-rehearsed.yaml');
  if (!loaded.ok || loaded.value.kind !== 'rehearsal') throw new Error(JSON.stringify(loaded));
  const under_ = underCalibration(
    loaded.value,
    calibration === undefined ? undefined : { file: 'calibration', text: calibration },
  );
  if (!under_.ok) throw new Error(JSON.stringify(under_.error));
  return under_.value;
}

/** Medians over all seeds of the forecast as a part of what came. */
async function rehearsed(scenario: RehearsalScenario, real: RunTrace): Promise<Ratios> {
  const all: Ratios[] = [];
  for (let seed = 1; seed <= seeds; seed += 1) {
    const log = inMemoryEventLog();
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const summary = await rehearse({ scenario, seed, log, clock: virtualClock({ turn, start: scenario.starts }) });
    if (!summary.ok) throw new Error(JSON.stringify(summary.error));
    all.push(ratios(await traceRun(`seed-${seed}`, log.readAll()), real));
  }
  return medianOf(all);
}
