import type { Stage } from '#simulator/faults/spell';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import type { Machine } from './machine.ts';
import { hostPlace, sentinelPlace } from './network.ts';
import type { Transfers } from './transfers.ts';

/**
 * What faults may do to a flow world.
 *
 * @differs A host that comes back has its guests running at once.
 */
export function flowStage(
  machines: ReadonlyMap<string, Machine>,
  transfers: Transfers,
  clock: Pick<SimulatedClock, 'now'>,
): Stage {
  const on = (host: string): readonly Machine[] => [...machines.values()].filter(({ vm }) => vm.host === host);
  return {
    disturb: (place, disturbance) => transfers.disturb(place, disturbance),
    failHost(host) {
      const struck = on(host);
      const ran = struck.filter(({ source }) => source.power === 'running');
      for (const machine of struck) {
        machine.hostsDown += 1;
        // Marks in memory go with the host, and those on disk are not trusted after a crash.
        if (machine.tracking === 'on') machine.tracking = 'lost';
      }
      for (const machine of ran) {
        machine.writes.stop(clock.now());
        machine.source = { ...machine.source, power: 'off' };
      }
      const repaired = transfers.disturb(hostPlace(host), { factor: 0 });
      return () => {
        for (const machine of struck) machine.hostsDown -= 1;
        for (const machine of ran) {
          if (machine.hostsDown > 0) continue;
          machine.source = { ...machine.source, power: 'running' };
          machine.writes.start(clock.now());
        }
        repaired();
      };
    },
    moveVm(vm, host, tracking) {
      const machine = machines.get(vm);
      if (!machine) return;
      machine.vm = { ...machine.vm, host };
      if (tracking === 'lost' && machine.tracking === 'on') machine.tracking = 'lost';
      transfers.disturb(sentinelPlace(vm), { factor: 0 })();
    },
    changeDisks(vm, change) {
      const machine = machines.get(vm);
      if (!machine) return () => undefined;
      const changes = (machine.diskChanges ??= new Set());
      changes.add(change);
      return () => changes.delete(change);
    },
  };
}
