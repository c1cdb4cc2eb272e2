import { networkContract, type NetworkWorld } from '#test/contract/network.contract';
import { simulatedProcess } from '#simulator/block/process';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { simulatedNetwork } from './simulated-network.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let seed = 0;
async function simulatedWorld(): Promise<NetworkWorld> {
  seed += 1;
  const clock = virtualClock({ turn });
  const world = simulatedNetwork({ clock, rng: seededRng(seed), note: () => undefined });
  return {
    clock,
    network: (role) => world.network(simulatedProcess(role), `${role}-host`, role),
    listenAt: (role) => `${role}-host:0`,
    reach: async (address) => address,
    partition: () => world.link('gateway-host', 'receiver-host').partition(),
    heal: () => world.link('gateway-host', 'receiver-host').heal(),
    run: (work) => clock.run(work()),
    dispose: async () => undefined,
  };
}

networkContract('simulated', simulatedWorld);
