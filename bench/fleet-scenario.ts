import { loadScenario } from '#scenarios/load';
import type { RehearsalScenario } from '#scenarios/rehearsal-scenario';

/** A scenario of a generated fleet of any size, whole lifecycle, in one wave or in three, with faults on the way. */
export function fleetOf(vms: number, waves: 1 | 3 = 1): RehearsalScenario {
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
${waves === 1 ? oneWave(vms) : threeWaves(vms)}
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

const limits = (vms: number): string =>
  `limits: { replicating: ${Math.max(8, Math.round(vms / 20))}, cuttingOver: ${Math.max(4, Math.round(vms / 50))} }`;

const oneWave = (vms: number): string => `wave: { id: all, window: { opens: 24 h, closes: 96 h }, ${limits(vms)} }`;

/** A wave for each platform, each with a window of its own. */
const threeWaves = (vms: number): string =>
  `waves:\n${['kvm', 'hyperv', 'ahv']
    .map((platform, at) => {
      const window = `{ opens: ${24 * (at + 1)} h, closes: ${96 + 24 * at} h }`;
      return `  - { id: ${platform}, select: { platforms: [${platform}] }, window: ${window}, ${limits(vms)} }`;
    })
    .join('\n')}`;
