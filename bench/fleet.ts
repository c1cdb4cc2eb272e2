import { parseArgs } from 'node:util';
import { rehearse } from '#scenarios/run';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { MiB } from '#core/units';
import { fleetOf } from './fleet-scenario.ts';
import { appendHistory } from './measure.ts';

/**
 * How long a rehearsal of a generated fleet takes, whole lifecycle, flow fidelity, and what of it grows with the fleet.
 * There is no peer: no other migration product rehearses. So the smaller fleet is the peer of the larger.
 *
 *     npx tsx bench/fleet.ts [--waves 3] [vms...]
 */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const { values, positionals } = parseArgs({
  options: { waves: { type: 'string', default: '1' } },
  allowPositionals: true,
});
const waves = values.waves === '3' ? 3 : 1;
const sizes = positionals.map(Number);
const measured: { vms: number; waves: number; seconds: number; facts: number; peakMib: number }[] = [];
for (const vms of sizes.length > 0 ? sizes : [250, 500, 1_000]) {
  const scenario = fleetOf(vms, waves);
  globalThis.gc?.();
  const began = performance.now();
  const cpu = process.cpuUsage();
  const summary = await rehearse({
    scenario,
    clock: virtualClock({ turn, start: scenario.starts }),
  });
  const seconds = (performance.now() - began) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  if (!summary.ok) throw new Error(JSON.stringify(summary.error));
  const { facts, members, ending } = summary.value;
  const peakMib = Math.round(process.memoryUsage().rss / MiB);
  const finalized = members.filter(({ lifecycle }) => lifecycle === 'finalized').length;
  console.log(
    `${vms} VMs in ${waves === 1 ? 'one wave' : `${waves} waves`}: ${seconds.toFixed(2)} s (${((user + system) / 1e6).toFixed(2)} s of processor time), ${facts} facts (${Math.round(facts / seconds)} a second), ${finalized} finalized, ${ending.type}, ${peakMib} MiB`,
  );
  measured.push({ vms, waves, seconds: Number(seconds.toFixed(2)), facts, peakMib });
}
appendHistory('fleet', { measured });
