import { readFileSync } from 'node:fs';
import { loadScenario } from '#scenarios/load';
import { shapeOfScenario } from '#scenarios/check/shape-of-scenario';
import { swarmSpec } from '#simulator/search/swarm';
import type { WorldAsked } from './world-thread.ts';

const file = 'scenarios/bank-weekend.yaml';

function rehearsal() {
  const loaded = loadScenario(readFileSync(file, 'utf8'), file);
  if (!loaded.ok || loaded.value.kind !== 'rehearsal') throw new Error(`${file} is no rehearsal`);
  return loaded.value;
}

/** The world of each seed of a hunt. */
export type WorldsAsked = (seed: number) => WorldAsked;

/**
 * Worlds as the hunt for mutants has them, with so many VMs. Odd seeds are those of `sealift check`; even ones those of
 * `sealift check --no-budget`, in which everything may go wrong and safety alone is demanded.
 */
export function searchedWorlds(vms: number): WorldsAsked {
  const scenario = rehearsal();
  const withBudget = shapeOfScenario(scenario, { vms, budget: true });
  const withoutBudget = shapeOfScenario(scenario, { vms, budget: false });
  return (seed) => {
    const hasBudget = seed % 2 === 1;
    const spec = swarmSpec(seed, hasBudget ? withBudget : withoutBudget);
    return { type: 'world', spec, demandsProgress: hasBudget };
  };
}
