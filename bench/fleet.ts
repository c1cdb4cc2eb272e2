import { loadScenario } from '#scenarios/load';
import { rehearse } from '#scenarios/run';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { MiB } from '#core/units';
import { appendHistory } from './measure.ts';

/**
 * How long a rehearsal of a generated fleet takes, whole lifecycle, flow fidelity, and what of it grows with the fleet.
 * There is no peer: no other migration product rehearses. So the smaller fleet is the peer of the larger.
 *
 *     npx tsx bench/fleet.ts [vms...]
 */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const sizes = process.argv.slice(2).map(Number);
const measured: { vms: number; seconds: number; facts: number; peakMib: number }[] = [];
for (const vms of sizes.length > 0 ? sizes : [250, 500, 1_000]) {
  const scenario = fleetOf(vms);
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
    `${vms} VMs: ${seconds.toFixed(2)} s (${((user + system) / 1e6).toFixed(2)} s of processor time), ${facts} facts (${Math.round(facts / seconds)} a second), ${finalized} finalized, ${ending.type}, ${peakMib} MiB`,
  );
  measured.push({ vms, seconds: Number(seconds.toFixed(2)), facts, peakMib });
}
appendHistory('fleet', { measured });

function fleetOf(vms: number) {
  const hosts = Math.max(1, Math.round(vms / 40));
  // Room grows with the fleet, as it does where so many machines are: otherwise the wave would only last longer.
  const text = `
kind: rehearsal
id: fleet
title: A generated fleet
why: How long it takes to rehearse
seed: 3
estate:
  generate: { vms: ${vms}, hosts: ${hosts} }
  links: [{ name: wan, bandwidth: ${Math.max(10, Math.round(vms / 50))} Gbit/s, latency: 12 ms }]
  gateway: { bandwidth: ${Math.max(10, Math.round(vms / 50))} Gbit/s, flow: 4 Gbit/s }
  receiver: { bandwidth: ${Math.max(10, Math.round(vms / 50))} Gbit/s, flow: 4 Gbit/s }
wave:
  id: all
  window: { opens: 24 h, closes: 96 h }
  limits: { replicating: ${Math.max(8, Math.round(vms / 20))}, cuttingOver: ${Math.max(4, Math.round(vms / 50))} }
plan: { downtimeMax: 10 min, refreshEvery: 6 h, approval: given }
operators: { finalize: { after: 1 h } }
faults:
  - { type: linkDown, link: wan, at: 3 h, lasts: 10 min }
  - { type: trackingLost, vms: all, chance: 1 % }
  - { type: quiesceRefused, vms: all, chance: 1 % }
`;
  const loaded = loadScenario(text, 'fleet.yaml');
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error, null, 2));
  if (loaded.value.kind !== 'rehearsal') throw new Error('not a rehearsal');
  return loaded.value;
}
