import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { underCalibration } from '#scenarios/calibration-use';
import { loadScenario } from '#scenarios/load';
import { rehearse } from '#scenarios/run';
import { logHash } from '#core/event-log/log-hash';
import { describeProblems } from '#scenarios/yaml-file';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { describeRehearsalError } from './rehearsal-text.ts';
import type { SeedAnswer, SeedWork } from './seed-workers.ts';

/** A thread that rehearses one seed after the other, as it is told, and keeps no log of any. */
const { text, file, estate, calibration, certify } = workerData as SeedWork;
const loaded = loadScenario(text, file, estate);
// An entry point, as the command line is: the one place in the thread that knows its machine.
const turn = (): Promise<void> => eventLoopTurn();

async function answer(seed: number): Promise<SeedAnswer> {
  if (!loaded.ok || loaded.value.kind !== 'rehearsal') return { type: 'refused', detail: `${file} is no rehearsal` };
  const used = underCalibration(loaded.value, calibration);
  if (!used.ok) return { type: 'refused', detail: describeProblems(used.error) };
  const scenario = used.value;
  const run = async () => {
    // A log is made only to be compared.
    const log = certify ? inMemoryEventLog() : undefined;
    const clock = virtualClock({ turn, start: scenario.starts });
    const summary = await rehearse({ scenario, seed, clock, log });
    return { summary, hash: log ? await logHash(log) : '' };
  };
  const { summary, hash } = await run();
  if (!summary.ok) return { type: 'refused', detail: describeRehearsalError(summary.error) };
  if (certify && (await run()).hash !== hash) return { type: 'differs', seed };
  return { type: 'rehearsed', summary: summary.value };
}

parentPort?.on('message', (seed: number) => {
  answer(seed).then(
    (said) => parentPort?.postMessage(said),
    (error: unknown) => {
      throw error;
    },
  );
});
